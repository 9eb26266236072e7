-- 0047_document_search_views: documents found by words, and by facts among their metadata.
--
-- component: dms
-- depends: 0010_document_models 0011_document_tag_models

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create function fbs_document_query(
    company_id text,
    query text,
    out words tsquery,
    out needed tsquery,
    out tagged_ids bigint[],
    out patterns text[]
)
language plpgsql
stable
set search_path from current
as $$
declare
    word record;
begin
    patterns := '{}';
    for word in
        select w.pattern, w.lexeme, t.tag_ids
        from (
            -- No word has a quote, a backslash, or anything that means something to like.
            select '%' || split_part(f.word, '=', 2) || '%' as pattern, format('''%s'':*', f.word)::tsquery as lexeme
            from unnest(tsvector_to_array(fbs_document_words(company_id, left(query, 1000)))) as f (word)
            order by length(f.word) desc, f.word
            limit 20
        ) as w
        cross join lateral (
            select array(
                select g.id
                from fbs_dms_document_tag as g
                where lower(g.name) like w.pattern and fbs_document_words(company_id, g.name) @@ w.lexeme
            ) as tag_ids
        ) as t
        order by cardinality(t.tag_ids), length(w.pattern) desc, w.pattern
    loop
        words := coalesce(words && word.lexeme, word.lexeme);
        if word.tag_ids = '{}' then
            patterns := patterns || word.pattern;
        end if;
        if needed is null then
            needed := word.lexeme;
            tagged_ids := array(
                select dt.document_id
                from fbs_dms_document_tags as dt
                where dt.documenttag_id = any(word.tag_ids)
            );
        end if;
    end loop;
end;
$$;

comment on function fbs_document_query(text, text) is
'Internal. What a search looks for: its words; the one that the fewest documents should have, and the documents with a tag that has it; patterns for like of the words that no tag has.';

create function fbs_document_tag_names(document_id bigint)
returns text[]
language plpgsql
stable
set search_path from current
set plan_cache_mode = force_generic_plan
as $$
begin
    return array(
        select t.name::text
        from fbs_dms_document_tags as dt
        inner join fbs_dms_document_tag as t on dt.documenttag_id = t.id
        where dt.document_id = fbs_document_tag_names.document_id
        order by t.name
    );
end;
$$;

comment on function fbs_document_tag_names(bigint) is
'Internal. Names of the tags of a document, in their order.';

create function fbs_document_matches(document_id bigint, company_id text, content text, words tsquery)
returns boolean
language plpgsql
stable
set search_path from current
as $$
declare
    found_words tsvector := fbs_document_words(company_id, content);
begin
    return found_words @@ words
        or found_words || fbs_document_words(company_id, fbs_document_tag_names(document_id)::text) @@ words;
end;
$$;

comment on function fbs_document_matches(bigint, text, text, tsquery) is
'Internal. Whether the text of a document, together with its tags, has all these words.';

create function fbs_find_documents_by_words(
    company_id text,
    needed tsquery,
    tagged_ids bigint[],
    before_created_at timestamptz,
    before_id bigint
)
returns bigint[]
language plpgsql
stable
security definer
parallel safe
set search_path from current
as $$
begin
    if not fbs_reads_isolated('fbs_dms_document', 'description') then
        return null;
    -- All that is found is of the company: the policy's condition, asked once, leaves the index to the words. Those of
    -- another company would be counted by PostgreSQL's statistics, which everybody reads.
    elsif
        company_id = any(fbs_solutions('company_id'))
        and numnode(needed) = 1
        and starts_with(needed::text, left(fbs_document_words(company_id, 'x')::text, -2))
    then
        return array(
            select d.id
            from fbs_dms_document as d
            where
                d.company_id = fbs_find_documents_by_words.company_id
                and (
                    fbs_document_words(d.company_id, d.name || ' ' || d.title || ' ' || d.description) @@ needed
                    or d.id = any(tagged_ids)
                )
                and (d.created_at, d.id) < (before_created_at, before_id)
            order by d.created_at desc, d.id desc
        );
    end if;
    return '{}';
end;
$$;

comment on function fbs_find_documents_by_words(text, tsquery, bigint[], timestamptz, bigint) is
'Internal. Keys of a company''s documents that have a word of the company''s, by index, or are among these, newest first, where the company is of the session''s solutions. NULL while isolation is off, and for a login that may not read the table.';

create function fbs_find_documents_by_metadata(
    company_id text,
    metadata jsonb,
    before_created_at timestamptz,
    before_id bigint,
    page_size bigint
)
returns bigint[]
language plpgsql
stable
security definer
parallel safe
set search_path from current
as $$
begin
    if not fbs_reads_isolated('fbs_dms_document', 'metadata') then
        return null;
    elsif company_id = any(fbs_solutions('company_id')) then
        return array(
            with matches as materialized (
                select d.id, d.company_id, d.created_at
                from fbs_dms_document as d
                where d.metadata @> fbs_find_documents_by_metadata.metadata
            )

            select d.id
            from matches as d
            where
                d.company_id = fbs_find_documents_by_metadata.company_id
                and (d.created_at, d.id) < (before_created_at, before_id)
            order by d.created_at desc, d.id desc
            limit page_size
        );
    end if;
    return '{}';
end;
$$;

comment on function fbs_find_documents_by_metadata(text, jsonb, timestamptz, bigint, bigint) is
'Internal. Keys of the newest of a company''s documents that have facts among their metadata, by index, where the company is of the session''s solutions. NULL while isolation is off, and for a login that may not read the table.';

create function fbs_documents_search(
    company_id text,
    query text,
    state text default null,
    document_type_id bigint default null,
    category_id bigint default null,
    page_size bigint default 50,
    after_created_at timestamptz default null,
    after_id bigint default null
)
returns table (
    id bigint,
    name text,
    title text,
    document_state text,
    type_id bigint,
    filed_under_id bigint,
    confidentiality_level text,
    expiry_date date,
    tags text[],
    created_at timestamptz
)
language plpgsql
stable
set search_path from current
set random_page_cost = 1.1
set plan_cache_mode = force_custom_plan
as $$
declare
    asked record := fbs_document_query(company_id, query);
    by_index boolean := false;
    found_ids bigint[];
    next_ids bigint[];
    fits boolean;
    looked_at integer := 0;
    shown integer := 0;
    too_few boolean := asked.words is not null;
begin
    -- Words that many documents have are met with among the newest; from there on an index finds those of others.
    while too_few loop
        too_few := false;
        for id, name, title, document_state, type_id, filed_under_id, confidentiality_level, expiry_date, tags,
            created_at, fits in
            select
                d.id, d.name, d.title, d.state, d.document_type_id, d.category_id, d.confidentiality_level,
                d.expiry_date, case when d.fits then fbs_document_tag_names(d.id) end, d.created_at, d.fits
            from (
                select d.*, lower(c.content) like all(asked.patterns)
                    and fbs_document_matches(d.id, d.company_id, c.content, asked.words) as fits
                from fbs_dms_document as d
                cross join lateral (select d.name || ' ' || d.title || ' ' || d.description as content) as c
                where
                    d.company_id = fbs_documents_search.company_id
                    and (not by_index or d.id = any(next_ids) or next_ids is null
                        and (fbs_document_words(d.company_id, c.content) @@ asked.needed or d.id = any(asked.tagged_ids)))
                    and (fbs_documents_search.state is null or d.state = fbs_documents_search.state)
                    and (fbs_documents_search.document_type_id is null
                        or d.document_type_id = fbs_documents_search.document_type_id)
                    and (fbs_documents_search.category_id is null or d.category_id = fbs_documents_search.category_id)
                    and (after_created_at is null or (d.created_at, d.id) < (after_created_at, coalesce(after_id, 0)))
                order by d.created_at desc, d.id desc limit case when not by_index then 2000 end
            ) as d
        loop
            exit when too_few or shown >= page_size;
            if fits then
                return next;
                shown := shown + 1;
            end if;
            looked_at := looked_at + 1;
            too_few := not by_index and (looked_at = 2000 or looked_at % 100 = 0 and 20 * shown < looked_at);
            after_created_at := created_at;
            after_id := id;
        end loop;
        -- Under a policy no index finds words.
        if too_few and row_security_active('fbs_dms_document') then
            found_ids := fbs_find_documents_by_words(company_id, asked.needed, asked.tagged_ids, after_created_at, after_id);
        end if;
        by_index := true;
        if found_ids is not null then
            next_ids := found_ids[:500];
            found_ids := found_ids[501:];
            too_few := shown < page_size and next_ids <> '{}';
        end if;
    end loop;
end;
$$;

comment on function fbs_documents_search(text, text, text, bigint, bigint, bigint, timestamptz, bigint) is
'Documents of a company whose name, title, description or tags have every word of the query, each as the beginning of a word; those of a state, kind or category only where one is given. Any text will do as a query: punctuation parts words and means nothing else, its first 1,000 characters and of these the 20 longest words count, and without any word nothing is found. Newest first; the next page is asked for with after_created_at and after_id, those of the last row. Cost: of words that many documents have, the newest documents of the company until a page is full; of others, those of the company that have them, by index.';

create function fbs_documents_by_metadata(
    company_id text,
    metadata jsonb,
    page_size bigint default 50,
    after_created_at timestamptz default null,
    after_id bigint default null
)
returns table (
    id bigint,
    name text,
    title text,
    document_type_id bigint,
    category_id bigint,
    state text,
    confidentiality_level text,
    expiry_date date,
    document_metadata jsonb,
    created_at timestamptz
)
language plpgsql
stable
set search_path from current
set random_page_cost = 1.1
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    before_created_at timestamptz := coalesce(after_created_at, 'infinity');
    before_id bigint := case when after_created_at is null then 9223372036854775807 else coalesce(after_id, 0) end;
    newest record;
    walked integer := 0;
    too_few boolean := false;
    found_ids bigint[] := '{}';
begin
    if fbs_documents_by_metadata.metadata in ('{}', '[]') then
        raise exception 'metadata to look for is %, which every document has', fbs_documents_by_metadata.metadata
            using errcode = 'FB040',
                hint = 'Name at least one fact, or list documents with fbs_documents_overview.';
    end if;
    -- Facts that many documents have are met with among the newest.
    for newest in
        select d.id, d.metadata @> fbs_documents_by_metadata.metadata as fits
        from fbs_dms_document as d
        where
            d.company_id = fbs_documents_by_metadata.company_id
            and (d.created_at, d.id) < (before_created_at, before_id)
        order by d.created_at desc, d.id desc
        limit 5001
    loop
        exit when cardinality(found_ids) >= page_size;
        walked := walked + 1;
        if newest.fits then
            found_ids := found_ids || newest.id;
        end if;
        too_few := walked > 5000 or walked % 500 = 0 and 100 * cardinality(found_ids) < walked;
        exit when too_few;
    end loop;
    -- Those that few have are found by their index.
    if too_few and row_security_active('fbs_dms_document') then
        found_ids := fbs_find_documents_by_metadata(
            fbs_documents_by_metadata.company_id, fbs_documents_by_metadata.metadata, before_created_at, before_id, page_size
        );
        too_few := found_ids is null;
    end if;
    if too_few then
        found_ids := array(
            with matches as materialized (
                select d.id, d.company_id, d.created_at
                from fbs_dms_document as d
                where d.metadata @> fbs_documents_by_metadata.metadata
            )

            select d.id
            from matches as d
            where
                d.company_id = fbs_documents_by_metadata.company_id
                and (d.created_at, d.id) < (before_created_at, before_id)
            order by d.created_at desc, d.id desc
            limit page_size
        );
    end if;

    return query
    select
        d.id,
        d.name::text,
        d.title::text,
        d.document_type_id,
        d.category_id,
        d.state::text,
        d.confidentiality_level::text,
        d.expiry_date,
        d.metadata,
        d.created_at
    from fbs_dms_document as d
    where d.id = any(found_ids)
    order by d.created_at desc, d.id desc;
end;
$$;

comment on function fbs_documents_by_metadata(text, jsonb, bigint, timestamptz, bigint) is
'Documents of a company that have all the given facts among their metadata, such as {"model_name": "tenants.tenant", "record_id": 7}; facts within lists and objects count, a number is not its text. Newest first; the next page is asked for with after_created_at and after_id, those of the last row. Null finds nothing; error FB040 for {} and [], which every document has. Cost: of facts that many documents have, the newest documents of the company until a page is full; of others, all documents, of whatever company, that have them, by index.';

select fbs_describe_views();

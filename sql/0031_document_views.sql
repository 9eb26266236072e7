-- 0031_document_views: what is read of documents: search, lists, one document with
-- all that belongs to it, categories, approvals that wait, and storage.
--
-- component: dms
-- depends: 0010_document_models

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

-- As a rule the tables are empty when this runs; where they are not, writers wait
-- while the indexes are built.
-- squawk-ignore-file require-concurrent-index-creation

create function fbs_word_border()
returns text
language sql
immutable
set search_path from current
as $$
    -- Named one by one, as to some locales quotes, dashes and spaces beyond ASCII are
    -- letters, and to some all letters beyond it are none.
    select case getdatabaseencoding()
        when 'UTF8' then
            '[[:space:]!-/:-@[-`{-~\u00a0\u00a1\u00ab\u00b7\u00bb\u00bf\u2000-\u206f\u20a0-\u20cf\u2190-\u2bff'
            || '\u3000-\u3003\u3008-\u301b\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\U0001f000-\U0001faff]'
        else '[[:space:]!-/:-@[-`{-~]'
    end;
$$;

comment on function fbs_word_border() is
'Regular expression for what parts words, in any language: a space, a mark of punctuation, the sign of a currency, an arrow, a picture.';

create function fbs_split_words(content text)
returns text[]
language sql
immutable
set search_path from current
as $$
    -- A word in a tsvector must stay below 2 kB, a tsvector below 1 MB, whatever is written.
    select array(
        select left(w.word, 400)
        from regexp_split_to_table(lower(left(content, 100000)), fbs_word_border() || '+') as w (word)
        where w.word <> ''
    );
$$;

comment on function fbs_split_words(text) is
'The words of a text''s first 100,000 characters, in their order, in small letters, of each the first 400: none is left out or brought to its stem.';

create function fbs_document_words(company_id text, content text)
returns tsvector
language sql
immutable
set search_path from current
as $$
    select array_to_tsvector(
        array(
            select concat(company_id, '=', w.word)
            from unnest(fbs_split_words(content)) as w (word)
        )
    );
$$;

comment on function fbs_document_words(text, text) is
'The words of a document, its company before each, so that an index finds them among the documents of one company.';

-- A changed function does not change what is in these; they have to be built anew.
create index fbs_dms_document_words_idx
on fbs_dms_document using gin (fbs_document_words(company_id, name || ' ' || title || ' ' || description));

create index fbs_dms_document_tag_words_idx
on fbs_dms_document_tag using gin (array_to_tsvector(fbs_split_words(name)));

create index fbs_dms_document_metadata_idx
on fbs_dms_document using gin (metadata jsonb_path_ops);

create index fbs_dms_document_state_created_at_id_idx
on fbs_dms_document (state, created_at, id, document_type_id);

create index fbs_dms_document_solution_db_created_at_id_idx
on fbs_dms_document (solution_db, created_at, id, state, document_type_id);

create index fbs_dms_document_company_id_category_id_created_at_id_idx
on fbs_dms_document (company_id, category_id, created_at, id);

create index fbs_dms_document_created_by_id_category_id_created_at_id_idx
on fbs_dms_document (created_by_id, category_id, created_at, id);

create index fbs_dms_document_created_at_id_idx
on fbs_dms_document (created_at, id);

create index fbs_dms_document_company_id_expiry_date_idx
on fbs_dms_document (company_id, expiry_date)
where expiry_date is not null and state <> 'archived';

create index fbs_dms_document_approval_status_approver_id_id_idx
on fbs_dms_document_approval (status, approver_id, id);

create index fbs_dms_document_approval_status_id_idx
on fbs_dms_document_approval (status, id);

create view fbs_documents_categories
with (security_invoker = true)
as
select
    c.id,
    c.name,
    c.description,
    c.parent_id,
    above.path,
    above.path_ids,
    cardinality(above.path_ids) as depth,
    above.in_cycle,
    c.sequence,
    c.is_active,
    c.created_at,
    c.updated_at
from fbs_dms_document_category as c
-- Upwards from each category, so that one is found without the whole tree, and those
-- in a circle are not lost.
cross join lateral ( -- noqa: ST05
    with recursive climb as (
        select
            array[c.id] as ids,
            c.name::text as path,
            c.parent_id as next_id
        union all
        select
            u.next_id || u.ids as ids,
            (
                select p.name
                from fbs_dms_document_category as p
                where p.id = u.next_id
            ) || ' / ' || u.path as path,
            (
                select p.parent_id
                from fbs_dms_document_category as p
                where p.id = u.next_id
            ) as next_id
        from climb as u
        where u.next_id <> all(u.ids)
    )

    select
        u.ids as path_ids,
        u.path,
        coalesce(u.next_id = any(u.ids), false) as in_cycle
    from climb as u
    order by cardinality(u.ids) desc
    limit 1
) as above;

comment on view fbs_documents_categories is
'Tree of categories that documents are filed under, each with its way down from the top. Where categories lie above each other in a circle, each has its way down from the one that would come twice.';
comment on column fbs_documents_categories.name is
'What people call the category.';
comment on column fbs_documents_categories.description is
'What is filed under it; blank when not explained.';
comment on column fbs_documents_categories.parent_id is
'Category above this one; null at the top.';
comment on column fbs_documents_categories.path is
'Names from the top down to this one, with '' / '' between them.';
comment on column fbs_documents_categories.path_ids is
'Numbers of the categories from the top down to this one.';
comment on column fbs_documents_categories.depth is
'Level in the tree, 1 at the top.';
comment on column fbs_documents_categories.in_cycle is
'True when there is no top above it, as the categories there lie in a circle.';
comment on column fbs_documents_categories.sequence is
'Place of the category in lists, lowest first.';
comment on column fbs_documents_categories.is_active is
'True while the category is offered for filing.';

create view fbs_documents_overview
with (security_invoker = true)
as
select
    d.id,
    d.name,
    d.title,
    d.document_type_id,
    k.name as document_type_name,
    d.category_id,
    c.name as category_name,
    d.attachment_id,
    d.state,
    d.created_by_id,
    d.approved_by_id,
    d.expiry_date,
    fbs_days_between(current_date, d.expiry_date) as days_left,
    d.company_id,
    d.solution_db,
    d.confidentiality_level,
    d.metadata,
    d.created_at,
    d.updated_at
from fbs_dms_document as d
left join fbs_dms_document_type as k on d.document_type_id = k.id
left join fbs_dms_document_category as c on d.category_id = c.id;

comment on view fbs_documents_overview is
'Documents in short, for lists. fbs_documents_details has all that belongs to each.';
comment on column fbs_documents_overview.id is
'Number that identifies the document.';
comment on column fbs_documents_overview.name is
'Reference by which the document is filed and cited; need not be unique.';
comment on column fbs_documents_overview.document_type_id is
'Kind of document, by its number.';
comment on column fbs_documents_overview.document_type_name is
'Kind of document, by its name.';
comment on column fbs_documents_overview.category_id is
'Category it is filed under, by its number.';
comment on column fbs_documents_overview.category_name is
'Category it is filed under, by its name.';
comment on column fbs_documents_overview.attachment_id is
'File with the document''s content; null when there is none.';
comment on column fbs_documents_overview.state is
'How far the document has come, such as draft or approved.';
comment on column fbs_documents_overview.created_by_id is
'User who created the document.';
comment on column fbs_documents_overview.approved_by_id is
'User who approved it; null until approved, and when that user is deleted.';
comment on column fbs_documents_overview.expiry_date is
'Last day on which it is valid; null when it does not expire.';
comment on column fbs_documents_overview.days_left is
'Days until its last valid day: 0 on that day, below 0 after it, null when it does not expire.';
comment on column fbs_documents_overview.company_id is
'Company it belongs to, by the identifier its solution uses.';
comment on column fbs_documents_overview.solution_db is
'Database of the solution it belongs to; null when solutions are not kept apart.';
comment on column fbs_documents_overview.confidentiality_level is
'Who may see it, such as internal. Nothing here enforces it.';
comment on column fbs_documents_overview.metadata is
'Further facts by name; {} when none.';

create view fbs_documents_details
with (security_invoker = true)
as
select
    d.id,
    d.name,
    d.title,
    d.description,
    d.state,
    d.document_type_id,
    k.code as document_type_code,
    k.name as document_type_name,
    k.requires_approval,
    d.category_id,
    (
        select c.path
        from fbs_documents_categories as c
        where c.id = d.category_id
    ) as category_path,
    d.confidentiality_level,
    d.expiry_date,
    fbs_days_between(current_date, d.expiry_date) as days_left,
    d.company_id,
    d.solution_db,
    d.metadata,
    d.created_by_id,
    d.approved_by_id,
    d.created_at,
    d.updated_at,
    (
        select
            coalesce(
                jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name, 'color', t.color) order by t.name),
                '[]'
            )
        from fbs_dms_document_tags as dt
        inner join fbs_dms_document_tag as t on dt.documenttag_id = t.id
        where dt.document_id = d.id
    ) as tags,
    (
        select
            jsonb_build_object(
                'id', a.id, 'file', a.file, 'original_filename', a.original_filename, 'description', a.description,
                'file_size', a.file_size, 'mime_type', a.mime_type, 'checksum', a.checksum,
                'uploaded_by_id', a.uploaded_by_id, 'is_public', a.is_public, 'created_at', a.created_at
            )
        from fbs_dms_file_attachment as a
        where a.id = d.attachment_id
    ) as attachment,
    (
        select
            jsonb_build_object(
                'id', w.id, 'description', w.description, 'status', w.status, 'started_at', w.started_at,
                'completed_at', w.completed_at, 'current_step_id', w.current_step_id,
                'workflow_data', w.workflow_data, 'notes', w.notes
            )
        from fbs_dms_document_workflow as w
        where w.document_id = d.id
    ) as workflow,
    (
        select
            coalesce(
                jsonb_agg(
                    jsonb_build_object(
                        'id', s.id, 'sequence', s.sequence, 'approver_id', s.approver_id, 'status', s.status,
                        'required', s.required, 'description', s.description, 'approved_at', s.approved_at,
                        'rejected_at', s.rejected_at, 'comments', s.comments
                    )
                    order by s.sequence
                ),
                '[]'
            )
        from fbs_dms_document_workflow as w
        inner join fbs_dms_document_approval as s on w.id = s.workflow_id
        where w.document_id = d.id
    ) as approvals
from fbs_dms_document as d
left join fbs_dms_document_type as k on d.document_type_id = k.id;

comment on view fbs_documents_details is
'Documents with all that belongs to each: type, category, tags, file, approval run and its steps. Made for one document by its id, or a page of them.';
comment on column fbs_documents_details.id is
'Number that identifies the document.';
comment on column fbs_documents_details.name is
'Reference by which the document is filed and cited.';
comment on column fbs_documents_details.description is
'What the document is about; blank when not explained.';
comment on column fbs_documents_details.state is
'How far the document has come, such as draft or approved.';
comment on column fbs_documents_details.document_type_id is
'Kind of document, by its number.';
comment on column fbs_documents_details.document_type_code is
'Kind of document, by its code.';
comment on column fbs_documents_details.document_type_name is
'Kind of document, by its name.';
comment on column fbs_documents_details.requires_approval is
'True when documents of that kind must be approved before use.';
comment on column fbs_documents_details.category_id is
'Category it is filed under, by its number.';
comment on column fbs_documents_details.category_path is
'Names of the categories from the top down to its own, with '' / '' between them.';
comment on column fbs_documents_details.confidentiality_level is
'Who may see it, such as internal. Nothing here enforces it.';
comment on column fbs_documents_details.expiry_date is
'Last day on which it is valid; null when it does not expire.';
comment on column fbs_documents_details.days_left is
'Days until its last valid day: 0 on that day, below 0 after it, null when it does not expire.';
comment on column fbs_documents_details.company_id is
'Company it belongs to, by the identifier its solution uses.';
comment on column fbs_documents_details.solution_db is
'Database of the solution it belongs to; null when solutions are not kept apart.';
comment on column fbs_documents_details.metadata is
'Further facts by name; {} when none.';
comment on column fbs_documents_details.created_by_id is
'User who created the document.';
comment on column fbs_documents_details.approved_by_id is
'User who approved it; null until approved, and when that user is deleted.';
comment on column fbs_documents_details.created_at is
'When the document was added.';
comment on column fbs_documents_details.tags is
'List of its tags by name, each an object with id, name and color; [] when it has none.';
comment on column fbs_documents_details.attachment is
'Object with what is known of its file, named as in fbs_dms_file_attachment; null when there is none.';
comment on column fbs_documents_details.workflow is
'Object with its approval run, named as in fbs_dms_document_workflow; null when there is none.';
comment on column fbs_documents_details.approvals is
'List of the steps of its approval run in order, named as in fbs_dms_document_approval; [] when there are none.';

-- Pages go on from status and id: of an id alone PostgreSQL expects few pending
-- steps after it, where nearly all are, and sorts what it could read in order.
create view fbs_documents_pending_approvals
with (security_invoker = true)
as
select
    s.id,
    s.status,
    s.approver_id,
    s.workflow_id,
    s.sequence,
    s.required,
    s.description,
    coalesce(
        w.current_step_id = s.id,
        not exists (
            select
            from fbs_dms_document_approval as b
            where b.workflow_id = s.workflow_id and b.sequence < s.sequence and b.status = 'pending' and b.required
        )
    ) as is_turn,
    s.created_at,
    d.id as document_id,
    d.name as document_name,
    d.title as document_title,
    d.state as document_state,
    d.document_type_id,
    d.company_id,
    d.created_by_id,
    d.expiry_date
from fbs_dms_document_approval as s
inner join fbs_dms_document_workflow as w on s.workflow_id = w.id
inner join fbs_dms_document as d on w.document_id = d.id
where
    s.status = 'pending'
    -- In this form, of which PostgreSQL expects that it leaves nearly all: with not in it
    -- expects few, as few runs are open, and sorts the pending steps before it looks at them.
    and case when w.status in ('completed', 'cancelled', 'failed') then 'over' else 'open' end <> 'over';

comment on view fbs_documents_pending_approvals is
'Decisions on documents that users are still to take: the pending steps of approval runs that are not over.';
comment on column fbs_documents_pending_approvals.id is
'Number that identifies the approval step.';
comment on column fbs_documents_pending_approvals.status is
'Always pending.';
comment on column fbs_documents_pending_approvals.approver_id is
'User who is to decide.';
comment on column fbs_documents_pending_approvals.workflow_id is
'Approval run the step belongs to.';
comment on column fbs_documents_pending_approvals.sequence is
'Place of the step in its run, lowest first.';
comment on column fbs_documents_pending_approvals.required is
'True when the run cannot do without this step.';
comment on column fbs_documents_pending_approvals.description is
'What is to be decided; blank when not explained.';
comment on column fbs_documents_pending_approvals.is_turn is
'True when it is this step''s turn: the run awaits it, or awaits none and no required step before it is pending.';
comment on column fbs_documents_pending_approvals.created_at is
'When the step was added.';
comment on column fbs_documents_pending_approvals.document_id is
'Document to be decided on, by its number.';
comment on column fbs_documents_pending_approvals.document_name is
'Reference of the document.';
comment on column fbs_documents_pending_approvals.document_title is
'Heading of the document.';
comment on column fbs_documents_pending_approvals.document_state is
'How far the document has come; archived when the host''s record it belongs to is gone.';
comment on column fbs_documents_pending_approvals.document_type_id is
'Kind of document, by its number.';
comment on column fbs_documents_pending_approvals.company_id is
'Company the document belongs to.';
comment on column fbs_documents_pending_approvals.created_by_id is
'User who created the document.';
comment on column fbs_documents_pending_approvals.expiry_date is
'Last day on which the document is valid; null when it does not expire.';

create function fbs_documents_search(
    company_id text,
    query text,
    state text default null,
    document_type_id bigint default null,
    category_id bigint default null,
    page_size bigint default 50,
    after_rank double precision default null,
    after_id bigint default null
)
returns table (
    id bigint,
    rank double precision,
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
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    beginning text := left(query, 1000);
    word record;
    -- Of each word: itself, after a space, after any border, and the tags that have it.
    -- The first is the one that the fewest documents should have.
    words text[] := '{}';
    spaced text[] := '{}';
    patterns text[] := '{}';
    word_tags text[] := '{}';
    rare_lexeme tsquery;
    rare_tags bigint[];
    has_tags boolean := false;
    -- Whether the newest documents are looked at, or those that the index finds.
    walks boolean := true;
    walked integer;
    too_few boolean;
    doc record;
    weights numeric;
    found_ids bigint[];
    found_ranks double precision[];
begin
    if substr(query, 1000, 2) ~ '\S\S' then
        -- Not half a word, unless there is only one.
        beginning := regexp_replace(beginning, '\s\S*$', '');
    end if;
    for word in
        select w.content, t.tag_ids
        from (
            select s.content, min(s.place) as place
            from unnest(fbs_split_words(beginning)) with ordinality as s (content, place)
            group by s.content
            order by min(s.place)
            limit 20
        ) as w
        cross join lateral (
            select array(
                select t.id
                from fbs_dms_document_tag as t
                where array_to_tsvector(fbs_split_words(t.name)) @@ format('''%s'':*', w.content)::tsquery
            ) as tag_ids
        ) as t
        order by cardinality(t.tag_ids), length(w.content) desc, w.place
    loop
        words := words || word.content;
        spaced := spaced || (' ' || word.content);
        -- No word has in it what means something in a regular expression.
        patterns := patterns || (fbs_word_border() || word.content);
        word_tags := word_tags || word.tag_ids::text;
        has_tags := has_tags or word.tag_ids <> '{}';
    end loop;
    if words = '{}' then
        return;
    end if;
    rare_tags := word_tags[1];
    rare_lexeme := format('''%s=%s'':*', replace(replace(company_id, '\', '\\'), '''', ''''''), words[1]);

    -- Words that many documents have are met with among the newest; those that few have
    -- are found by an index. Planned once for all: the parts that are not asked cost nothing.
    loop
        walked := 0;
        too_few := false;
        found_ids := '{}';
        found_ranks := '{}';
        for doc in
            select
                n.id,
                ' ' || lower(n.heading) as heading,
                -- To count characters takes longer than the rest.
                ' ' || lower(
                    case
                        when octet_length(n.description) < 90000 then n.heading || ' ' || n.description
                        else left(n.heading || ' ' || n.description, 100000)
                    end
                ) as words,
                (fbs_documents_search.state is null or n.state = fbs_documents_search.state)
                and (fbs_documents_search.document_type_id is null
                    or n.document_type_id = fbs_documents_search.document_type_id)
                and (fbs_documents_search.category_id is null or n.category_id = fbs_documents_search.category_id)
                as fits,
                case when has_tags then
                    array(select dt.documenttag_id from fbs_dms_document_tags as dt where dt.document_id = n.id)
                end as tag_ids
            from (
                (
                    select d.*, d.name || ' ' || d.title as heading
                    from fbs_dms_document as d
                    where walks and d.company_id = fbs_documents_search.company_id
                    order by d.created_at desc, d.id desc
                    limit 4001
                )
                union all
                (
                    select d.*, d.name || ' ' || d.title as heading
                    from fbs_dms_document as d
                    where
                        not walks
                        and rare_tags = '{}'
                        and fbs_document_words(d.company_id, d.name || ' ' || d.title || ' ' || d.description)
                        @@ rare_lexeme
                )
                union all
                (
                    select d.*, d.name || ' ' || d.title as heading
                    from (
                        select w.id
                        from fbs_dms_document as w
                        where
                            fbs_document_words(w.company_id, w.name || ' ' || w.title || ' ' || w.description)
                            @@ rare_lexeme
                        union
                        select dt.document_id
                        from fbs_dms_document_tags as dt
                        where dt.documenttag_id = any(rare_tags)
                    ) as m
                    -- One by one: how many documents a company has is not known when this is planned.
                    cross join lateral (
                        select d.*
                        from fbs_dms_document as d
                        where d.id = m.id and d.company_id = fbs_documents_search.company_id
                        offset 0
                    ) as d
                    where not walks and rare_tags <> '{}'
                )
            ) as n
            order by n.created_at desc, n.id desc
        loop
            walked := walked + 1;
            if doc.fits then
                weights := 0;
                for place in 1 .. cardinality(words) loop
                    -- Most texts are done with before it comes to the regular expression, which takes long.
                    weights := weights + case
                        when
                            strpos(doc.heading, words[place]) > 0
                            and (strpos(doc.heading, spaced[place]) > 0 or doc.heading ~ patterns[place])
                            then 1
                        when has_tags and word_tags[place]::bigint[] && doc.tag_ids then 0.4
                        when
                            strpos(doc.words, words[place]) > 0
                            and (strpos(doc.words, spaced[place]) > 0 or doc.words ~ patterns[place])
                            then 0.1
                    end;
                    exit when weights is null;
                end loop;
                if weights is not null then
                    found_ids := found_ids || doc.id;
                    found_ranks := found_ranks || (weights / cardinality(words))::double precision;
                    exit when cardinality(found_ids) = 200;
                end if;
            end if;
            if walks then
                too_few := walked > 4000 or walked % 100 = 0 and 20 * cardinality(found_ids) < walked;
                exit when too_few;
            end if;
        end loop;
        exit when not too_few;
        walks := false;
    end loop;

    return query
    select
        d.id,
        p.rank,
        d.name::text,
        d.title::text,
        d.state::text,
        d.document_type_id,
        d.category_id,
        d.confidentiality_level::text,
        d.expiry_date,
        array(
            select t.name::text
            from fbs_dms_document_tag as t
            where
                t.id = any(
                    array(
                        select dt.documenttag_id
                        from fbs_dms_document_tags as dt
                        where dt.document_id = d.id
                    )
                )
            order by t.name
        ),
        d.created_at
    from (
        select f.id, f.rank
        from unnest(found_ids, found_ranks) as f (id, rank)
        where after_rank is null or f.rank < after_rank or (f.rank = after_rank and f.id < after_id)
        order by f.rank desc, f.id desc
        limit page_size
    ) as p
    inner join fbs_dms_document as d on p.id = d.id
    order by p.rank desc, p.id desc;
end;
$$;

comment on function fbs_documents_search(text, text, text, bigint, bigint, bigint, double precision, bigint) is
'Documents of a company whose name, title, description or tags have every word of the query, each as the beginning of a word; those of a state, kind or category only where one is given. Any text will do as a query: punctuation parts words and means nothing else, its first 1,000 characters and 20 words count, and without any word nothing is found. Best match first: rank is the mean over the words of the query, a word in name or title counting 1, in a tag 0.4, in the description alone 0.1; the newest (greatest id) first among equals. Of more than 200 matches the 200 created last are ranked. The next page is asked for with after_rank and after_id, those of the last row. Cost: of words that many documents have, the newest documents of the company until 200 are found; of others, those of the company with the longest word, by index.';

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

create function fbs_documents_expiring(
    company_id text,
    within_days integer default 30,
    on_date date default current_date
)
returns table (
    id bigint,
    name text,
    title text,
    document_type_id bigint,
    category_id bigint,
    state text,
    expiry_date date,
    days_left integer
)
language sql
stable
set search_path from current
as $$
    select
        d.id,
        d.name,
        d.title,
        d.document_type_id,
        d.category_id,
        d.state,
        d.expiry_date,
        d.expiry_date - on_date
    from fbs_dms_document as d
    where
        d.company_id = fbs_documents_expiring.company_id
        and d.state <> 'archived'
        and d.expiry_date between on_date and on_date + within_days
    order by d.expiry_date, d.id;
$$;

comment on function fbs_documents_expiring(text, integer, date) is
'Documents of a company that are valid on a day (by default today) and cease to be within so many days (by default 30), the soonest first; archived ones are left out. days_left is 0 for one whose last valid day it is.';

create function fbs_documents_expired(
    company_id text,
    since date default null,
    page_size bigint default null,
    on_date date default current_date
)
returns table (
    id bigint,
    name text,
    title text,
    document_type_id bigint,
    category_id bigint,
    state text,
    expiry_date date,
    days_expired integer
)
language sql
stable
set search_path from current
as $$
    select
        d.id,
        d.name,
        d.title,
        d.document_type_id,
        d.category_id,
        d.state,
        d.expiry_date,
        fbs_days_between(d.expiry_date, on_date)
    from fbs_dms_document as d
    where
        d.company_id = fbs_documents_expired.company_id
        and d.state <> 'archived'
        and d.expiry_date < on_date
        and d.expiry_date >= coalesce(since, '-infinity')
    order by d.expiry_date desc, d.id desc
    limit page_size;
$$;

comment on function fbs_documents_expired(text, date, bigint, date) is
'Documents of a company whose last valid day is before a day (by default today) and not before since (null: at any time), the latest first; archived ones are left out. A document is still valid on its last day. page_size: so many at most.';

create function fbs_documents_storage(company_id text)
returns table (
    file_count bigint,
    total_bytes numeric,
    largest_bytes bigint,
    public_count bigint,
    unused_count bigint,
    unused_bytes numeric,
    repeated_count bigint,
    repeated_bytes numeric,
    last_upload_at timestamptz
)
language sql
stable
set search_path from current
as $$
    select
        count(*),
        coalesce(sum(f.file_size), 0),
        max(f.file_size),
        count(*) filter (where f.is_public),
        count(*) filter (where f.is_unused),
        coalesce(sum(f.file_size) filter (where f.is_unused), 0),
        count(*) filter (where f.copy > 1),
        coalesce(sum(f.file_size) filter (where f.copy > 1), 0),
        max(f.created_at)
    from (
        select
            a.file_size,
            a.is_public,
            a.created_at,
            not exists (select from fbs_dms_document as d where d.attachment_id = a.id) as is_unused,
            row_number() over (partition by a.checksum order by a.id) as copy
        from fbs_dms_file_attachment as a
        where a.company_id = fbs_documents_storage.company_id
    ) as f;
$$;

comment on function fbs_documents_storage(text) is
'What the files of a company take: how many, bytes in all, the largest (null without files), those anyone may open, those that no document uses, and those whose content an earlier file has already (by checksum). Always one row. Cost: all files of the company.';

create function fbs_documents_storage_by_type(company_id text)
returns table (
    mime_type text,
    file_count bigint,
    total_bytes numeric,
    bytes_percent numeric
)
language sql
stable
set search_path from current
as $$
    select
        a.mime_type,
        count(*),
        sum(a.file_size),
        round(100 * sum(a.file_size) / nullif(sum(sum(a.file_size)) over (), 0), 2)
    from fbs_dms_file_attachment as a
    where a.company_id = fbs_documents_storage_by_type.company_id
    group by a.mime_type
    order by sum(a.file_size) desc, a.mime_type;
$$;

comment on function fbs_documents_storage_by_type(text) is
'What the files of a company take by format: how many, bytes, and their share of all its bytes in per cent (null where all are empty). The largest share first; no rows without files. Cost: all files of the company.';

create function fbs_documents_statistics(
    company_id text,
    on_date date default current_date
)
returns table (
    document_count bigint,
    recent_count bigint,
    expired_count bigint,
    without_file_count bigint,
    by_state jsonb,
    by_type jsonb,
    by_category jsonb
)
language sql
stable
set search_path from current
as $$
    with counted as materialized (
        select
            d.state,
            d.document_type_id,
            d.category_id,
            count(*) as documents,
            count(*) filter (
                where d.created_at >= on_date - 30 and d.created_at < on_date + 1
            ) as recent,
            count(*) filter (where d.expiry_date < on_date and d.state <> 'archived') as expired,
            count(*) filter (where d.attachment_id is null) as without_file
        from fbs_dms_document as d
        where d.company_id = fbs_documents_statistics.company_id
        group by d.state, d.document_type_id, d.category_id
    )

    select
        coalesce(sum(c.documents), 0)::bigint,
        coalesce(sum(c.recent), 0)::bigint,
        coalesce(sum(c.expired), 0)::bigint,
        coalesce(sum(c.without_file), 0)::bigint,
        (
            select coalesce(jsonb_object_agg(s.state, s.documents), '{}')
            from (
                select c.state, sum(c.documents) as documents
                from counted as c
                group by c.state
            ) as s
        ),
        (
            select coalesce(jsonb_object_agg(s.name, s.documents), '{}')
            from (
                select k.name, sum(c.documents) as documents
                from counted as c
                inner join fbs_dms_document_type as k on c.document_type_id = k.id
                group by k.name
            ) as s
        ),
        (
            select coalesce(jsonb_agg(jsonb_build_object('path', s.path, 'id', s.id, 'count', s.documents) order by s.path, s.id), '[]')
            from (
                select g.path, g.id, sum(c.documents) as documents
                from counted as c
                inner join fbs_documents_categories as g on c.category_id = g.id
                group by g.path, g.id
            ) as s
        )
    from counted as c;
$$;

comment on function fbs_documents_statistics(text, date) is
'Documents of a company in numbers, on a day (by default today): how many in all, added in the 30 days before that day or on it, past their last valid day (archived ones left out), and without a file; by state and by type (objects of counts by name; a name without documents is not in it), and by category (a list of objects with path, id and count, by path). Always one row. Days are those of the session''s time zone. Cost: all documents of the company.';

select fbs_describe_views();

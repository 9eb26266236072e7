-- 0045_document_views: what is read of documents: categories, lists, what expires,
-- storage and figures.
--
-- component: dms
-- depends: 0010_document_models

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create view fbs_documents_categories
with (security_invoker = true) as
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
'What is filed under it; empty text when not explained.';
comment on column fbs_documents_categories.parent_id is
'Category above this one; NULL at the top.';
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
with (security_invoker = true) as
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
'File with the document''s content; NULL when there is none.';
comment on column fbs_documents_overview.state is
'How far the document has come, such as draft or approved.';
comment on column fbs_documents_overview.created_by_id is
'User who created the document.';
comment on column fbs_documents_overview.approved_by_id is
'User who approved it; NULL until approved, and when that user is deleted.';
comment on column fbs_documents_overview.expiry_date is
'Last day on which it is valid; NULL when it does not expire.';
comment on column fbs_documents_overview.days_left is
'Days until its last valid day: 0 on that day, below 0 after it, NULL when it does not expire.';
comment on column fbs_documents_overview.company_id is
'Company it belongs to, by the identifier its solution uses.';
comment on column fbs_documents_overview.solution_db is
'Database of the solution it belongs to; NULL when solutions are not kept apart.';
comment on column fbs_documents_overview.confidentiality_level is
'Who may see it, such as internal. Nothing here enforces it.';
comment on column fbs_documents_overview.metadata is
'Further facts by name; {} when none.';

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
'Documents of a company whose last valid day is before a day (by default today) and not before since (NULL: at any time), the latest first; archived ones are left out. A document is still valid on its last day. page_size: so many at most.';

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
'What the files of a company take: how many, bytes in all, the largest (NULL without files), those anyone may open, those that no document uses, and those whose content an earlier file has already (by checksum). Always one row. Cost: all files of the company.';

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
'What the files of a company take by format: how many, bytes, and their share of all its bytes in per cent (NULL where all have no bytes). The largest share first; no rows without files. Cost: all files of the company.';

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

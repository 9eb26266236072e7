-- What demo.sql made, and the FBS rows that point at it: fbs-db demo --reset runs this first. Nothing cascades, so it
-- fails where a table of others depends on the demo's, or is in its schema. Some of it may be gone already.

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);
select set_config('lock_timeout', '3s', true);

do $$
declare
    place record;
begin
    for place in
        select
            format('%I', r.table_name) as of_table,
            case
                when r.json_column is null then format('%I', r.model_column) else format('%I ->> %L', r.json_column, r.model_column)
            end || ' like ''rentals.%''' as points
        from fbs_cleanup_rules as r
        where r.model_column is not null and r.table_name ^@ 'fbs_'
        union
        select s.table_id::text, format('%I = %L', s.solution_column, 'rentals')
        from fbs_solution_tables as s
        where s.table_id is not null and s.solution_column is not null
        union
        select u.table_id::text, format('%I in (select id from rentals.users)', u.column_name)
        from fbs_user_columns as u
        where u.user_table = 'rentals.users'::regclass
        union
        select 'fbs_cleanup_queue', 'model_name like ''rentals.%'''
    loop
        execute format('delete from %s where %s', place.of_table, place.points);
    end loop;
end;
$$;

delete from fbs_dms_document_type as k
where
    k.code = 'contract'
    and k.id not in (
        select d.document_type_id
        from fbs_dms_document as d
    );
delete from fbs_dms_document_category as c
where
    c.name = 'Leases'
    and c.parent_id is null
    and c.id not in (
        select d.category_id
        from fbs_dms_document as d
    )
    and c.id not in (
        select k.parent_id
        from fbs_dms_document_category as k
        where k.parent_id is not null
    );

select fbs_detach_host(h.host_table)
from fbs_hosts as h
inner join pg_class as c on h.host_table = c.oid
where c.relnamespace = 'rentals'::regnamespace;
delete from fbs_hosts as h
where
    h.model_name like 'rentals.%'
    and h.host_table not in (
        select c.oid
        from pg_class as c
    );
select fbs_detach_users()
where exists (
    select
    from fbs_user_columns as u
    where u.user_table = 'rentals.users'::regclass
);

drop table if exists rentals.leases, rentals.tenants, rentals.rooms, rentals.locations, rentals.users;
drop schema rentals;

-- 0051_metrics: figures for a monitoring system, when a worker last ran, and the
-- releases that a schema is of.
--
-- component: base
-- depends: 0030_health

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create table fbs_worker_last_run (
    id bigint not null default 1,
    last_run_at timestamptz not null,
    constraint fbs_worker_last_run_pkey primary key (id),
    constraint fbs_worker_last_run_id_check check (id = 1)
);

create trigger fbs_only_owner
before insert or update or delete or truncate on fbs_worker_last_run
for each statement
execute function fbs_only_owner();

comment on table fbs_worker_last_run is
'When a worker last ran in this database, to the minute: one row; none before the first run, and none in the database of a solution.';
comment on column fbs_worker_last_run.id is
'Always 1.';
comment on column fbs_worker_last_run.last_run_at is
'When fbs-db cleanup run or fbs-db cleanup retry last looked at the queue.';

create function fbs_note_run()
returns void
language plpgsql
security definer
set search_path from current
set lock_timeout = '100ms'
as $$
begin
    perform fbs_refuse_shadows();
    perform fbs_refuse_triggers('fbs_worker_last_run');
    update fbs_worker_last_run as w
    set last_run_at = clock_timestamp()
    where w.id in (
        select l.id
        from fbs_worker_last_run as l
        where l.last_run_at < clock_timestamp() - interval '50 seconds'
        for update skip locked
    );
    insert into fbs_worker_last_run (last_run_at)
    select clock_timestamp()
    where not exists (select from fbs_worker_last_run)
    on conflict do nothing;
exception when lock_not_available or serialization_failure then
    return; -- of several workers one writes, and none waits
end;
$$;

comment on function fbs_note_run() is
'Internal. Notes that a worker runs, at most once in 50 seconds.';

create function fbs_releases()
returns table (migration_id text, fbs_db_version text)
language sql
stable
security definer
set search_path from current
as $$
    select m.migration_id, m.fbs_db_version from fbs_migrations as m;
$$;

comment on function fbs_releases() is
'The migrations of this schema, each with the version of fbs-db that applied it. Everybody may call it.';

create view fbs_metrics
with (security_invoker = true) as
with cleanups as (
    select
        q.model_name as model,
        case when q.target is null then '' when t.target is null then '*' else q.target end as target,
        case when q.error is null then 'waiting' else 'failed' end as state,
        q.queued_at
    from fbs_cleanup_queue as q
    left join fbs_cleanup_targets as t on q.target = t.target
    union all
    select
        h.model_name,
        '' as target,
        s.state,
        null as queued_at
    from fbs_hosts as h
    cross join (values ('waiting'), ('failed')) as s (state)
),

waiting as (
    select
        jsonb_build_object('model', c.model, 'target', c.target, 'state', c.state) as labels,
        count(c.queued_at) as entries,
        coalesce(extract(epoch from clock_timestamp() - min(c.queued_at)), 0) as seconds
    from cleanups as c
    -- What row security hides is not nothing.
    where not (row_security_active('fbs_cleanup_queue'::regclass) or row_security_active('fbs_hosts'::regclass))
    group by c.model, c.target, c.state
)

select
    m.metric,
    coalesce(m.labels ->> 'model', '') as model,
    coalesce(m.labels ->> 'target', '') as target,
    coalesce(m.labels ->> 'state', '') as state,
    coalesce(m.labels ->> 'severity', '') as severity,
    coalesce(m.labels ->> 'kind', '') as kind,
    coalesce(m.labels ->> 'table', '') as table,
    coalesce(m.labels ->> 'version', '') as version,
    m.value
from (
    select
        'fbs_cleanup_entries' as metric,
        w.labels,
        w.entries::double precision as value
    from waiting as w
    union all
    select
        'fbs_cleanup_oldest_seconds' as metric,
        w.labels,
        w.seconds as value
    from waiting as w
    union all
    select
        'fbs_migrations' as metric,
        '{"state": "applied"}' as labels,
        count(*) as value
    from fbs_migrations
    union all
    select
        'fbs_findings' as metric,
        jsonb_build_object('severity', s.severity, 'kind', f.kind) as labels,
        count(f.kind) as value
    from (values ('error'), ('warning'), ('note')) as s (severity)
    left join fbs_health() as f on s.severity = f.severity
    group by s.severity, f.kind
    union all
    select
        'fbs_table_bytes' as metric,
        jsonb_build_object('table', c.relname) as labels,
        pg_total_relation_size(c.oid) as value
    from pg_class as home
    inner join pg_class as c on home.relnamespace = c.relnamespace
    where home.oid = 'fbs_migrations'::regclass and c.relkind = 'r' and c.relname = any(fbs_relation_names())
    union all
    select
        'fbs_worker_last_run_timestamp_seconds' as metric,
        '{}' as labels,
        coalesce(extract(epoch from max(r.last_run_at)), 0) as value
    from fbs_worker_last_run as r
    union all
    select
        'fbs_info' as metric,
        jsonb_build_object(
            'version', (array_agg(h.fbs_db_version order by h.applied_at desc, h.migration_id desc))[1]
        ) as labels,
        1 as value
    from fbs_migrations as h
) as m
-- A table may be dropped just now.
where m.value is not null;

comment on view fbs_metrics is
'Figures for Prometheus, one row a gauge; a label that does not apply is empty text. Only fbs-db metrics knows which migrations are pending, edited or missing. A monitor may read it.';
comment on column fbs_metrics.metric is
'Name of the metric: fbs_cleanup_entries, fbs_cleanup_oldest_seconds, fbs_migrations, fbs_findings, fbs_table_bytes, fbs_worker_last_run_timestamp_seconds or fbs_info.';
comment on column fbs_metrics.model is
'Of a clean-up: the model whose host rows changed, whatever their solution.';
comment on column fbs_metrics.target is
'Of a clean-up: the other database, or the pattern, it is for; * for the databases of solutions together; empty text for this one.';
comment on column fbs_metrics.state is
'Of a clean-up: waiting, or failed if it has an error. Of migrations: applied.';
comment on column fbs_metrics.severity is
'Of findings of fbs_health(): error, warning or note.';
comment on column fbs_metrics.kind is
'Of findings: their kind; empty text beside 0, where there are none of the severity.';
comment on column fbs_metrics.table is
'Of bytes: the table. They include its indexes.';
comment on column fbs_metrics.version is
'Of fbs_info: the version of fbs-db that applied the last migration.';
comment on column fbs_metrics.value is
'The figure: a number, seconds, bytes, or a time in seconds since 1970; for a worker that never ran 0.';

select fbs_revoke_execute();

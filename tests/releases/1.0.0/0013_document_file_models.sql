-- 0013_document_file_models: files of deleted attachments, until they are removed from storage.
--
-- component: dms
-- depends: 0010_document_models

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create table fbs_file_deletions (
    id bigint generated always as identity,
    file text not null,
    queued_at timestamptz not null default now(),
    attempts integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    error text,
    constraint fbs_file_deletions_pkey primary key (id)
);

comment on table fbs_file_deletions is
'Stored files whose attachment was deleted, waiting to be removed from storage. Done with: fbs-db files purge';
comment on column fbs_file_deletions.id is
'Number that gives the order.';
comment on column fbs_file_deletions.file is
'Where the file is, below the root of the storage.';
comment on column fbs_file_deletions.queued_at is
'When its attachment was deleted.';
comment on column fbs_file_deletions.attempts is
'How often its removal was tried and failed.';
comment on column fbs_file_deletions.next_attempt_at is
'When it is due; each failure doubles the wait, up to an hour.';
comment on column fbs_file_deletions.error is
'What went wrong last; NULL where nothing did yet.';

-- It may run inside the deletion of a host's user, which it must not fail.
create function fbs_queue_files()
returns trigger
language plpgsql
security definer
set search_path from current
set lock_timeout = '100ms'
set row_security = off
as $$
declare
    files text[];
begin
    -- Everybody may put it on a table of theirs; it runs with the rights of FBS's owner.
    if (tg_table_schema, tg_table_name) <> (current_schema(), 'fbs_dms_file_attachment') then
        raise warning 'fbs_queue_files() does nothing on table %', tg_relid::regclass;
        return null;
    end if;
    begin
        if pg_my_temp_schema() <> 0 then
            -- Whoever may hang triggers on the table may have hung this without a transition table.
            perform fbs_refuse_shadows('{old_rows,fbs_dms_file_attachment,fbs_file_deletions}');
        end if;
        if tg_op = 'TRUNCATE' then
            select array_agg(distinct a.file::text) into files from fbs_dms_file_attachment as a where a.file <> '';
        else
            select array_agg(distinct o.file::text) into files from old_rows as o where o.file <> '';
        end if;
        perform fbs_refuse_triggers('fbs_file_deletions');
        insert into fbs_file_deletions (file)
        select file from unnest(files) as file;
    exception when others or assert_failure or query_canceled then
        -- A user's cancel goes on; a statement timeout, which bears the same code, does not.
        if sqlstate = '57014'
            and sqlerrm <> 'canceling statement due to statement timeout'
            and (
                sqlerrm = 'canceling statement due to user request'
                or current_setting('statement_timeout') = '0'
                or clock_timestamp()
                < statement_timestamp() + current_setting('statement_timeout')::interval - interval '100 milliseconds'
            )
        then
            raise;
        end if;
        raise warning 'files of deleted attachments could not be noted for removal (%: %): %', sqlstate, sqlerrm, files;
    end;
    return null;
end;
$$;

comment on function fbs_queue_files() is
'Trigger: notes the files of deleted attachments for removal from storage. Where it cannot, a warning names them; the deletion succeeds.';

create trigger fbs_dms_file_attachment_queue_files
after delete on fbs_dms_file_attachment
referencing old table as old_rows
for each statement
execute function fbs_queue_files();

create trigger fbs_dms_file_attachment_queue_all_files
before truncate on fbs_dms_file_attachment
for each statement
execute function fbs_queue_files();

create function fbs_file_path(file text)
returns text
language plpgsql
immutable
strict
set search_path from current
as $$
declare
    part text;
    parts text[] := '{}';
begin
    foreach part in array string_to_array(file, '/') loop
        if part = '..' and parts <> '{}' and parts[cardinality(parts)] <> '..' then
            parts := trim_array(parts, 1);
        elsif part not in ('', '.') then
            parts := parts || part;
        end if;
    end loop;
    return array_to_string(parts, '/');
end;
$$;

comment on function fbs_file_path(text) is
'Internal. The one way to write where a file is: a/x for ./a/x, a//x, /a/x and a/b/../x.';

create function fbs_file_is_named(file text)
returns boolean
language sql
stable
set search_path from current
as $$
    select
        exists (
            select from fbs_dms_file_attachment as a
            where a.file in (fbs_file_is_named.file, fbs_file_path(fbs_file_is_named.file))
        )
        or exists (
            select from fbs_dms_file_attachment as a
            where
                a.file ~ '(^|/)\.{0,2}(/|$)'
                and fbs_file_path(a.file) = fbs_file_path(fbs_file_is_named.file)
        );
$$;

comment on function fbs_file_is_named(text) is
'Internal. Whether an attachment names this file, in these or in other words.';

create function fbs_claim_files(batch integer default 100, after_id bigint default 0)
returns table (id bigint, file text)
language plpgsql
security definer
set search_path from current
-- An attachment that row security hides names its file all the same.
set row_security = off
as $$
#variable_conflict use_column
declare
    one record;
    writers text[];
    enough timestamptz := clock_timestamp() + interval '3 seconds';
begin
    perform fbs_refuse_shadows('{fbs_dms_file_attachment,fbs_file_deletions}');
    perform fbs_refuse_triggers('fbs_file_deletions');
    while batch > 0 loop
        select d.id, d.file
        into one
        from fbs_file_deletions as d
        where d.id > after_id and d.next_attempt_at <= clock_timestamp()
        order by d.id
        limit 1
        for update skip locked;
        exit when one.id is null;
        after_id := one.id;
        -- Who writes attachments now may have named the file, which cannot be seen yet.
        select array_agg(l.virtualtransaction)
        into writers
        from pg_locks as l
        where
            l.relation = 'fbs_dms_file_attachment'::regclass
            and l.database = (select d.oid from pg_database as d where d.datname = current_database())
            and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
            and l.granted
            and l.pid is distinct from pg_backend_pid();
        while exists (select from pg_locks as l where l.virtualtransaction = any(writers)) loop
            if clock_timestamp() > enough then
                raise exception 'a transaction that writes fbs_dms_file_attachment does not end'
                    using errcode = 'FB060',
                        hint = 'It may have named files that are to be removed. Try again when it is over.';
            end if;
            perform pg_sleep(0.01);
        end loop;
        if fbs_file_is_named(one.file) then
            delete from fbs_file_deletions as d where d.id = one.id;
        else
            id := one.id;
            file := one.file;
            batch := batch - 1;
            return next;
        end if;
    end loop;
end;
$$;

comment on function fbs_claim_files(integer, bigint) is
'Internal. Files that are due for removal, from a number in the list on, locked for this transaction; several workers share them. Files that another attachment names, in these or in other words, are taken off the list. Error FB060 where a transaction that may name some does not end within three seconds.';

create function fbs_file_done(file_id bigint, failure text default null)
returns void
language plpgsql
security definer
set search_path from current
as $$
begin
    perform fbs_refuse_shadows('{fbs_file_deletions}');
    perform fbs_refuse_triggers('fbs_file_deletions');
    if failure is null then
        delete from fbs_file_deletions as d where d.id = file_id;
    else
        update fbs_file_deletions as d
        set
            attempts = d.attempts + 1,
            error = failure,
            next_attempt_at = clock_timestamp() + least(interval '1 hour', interval '1 second' * 2 ^ least(d.attempts, 20))
        where d.id = file_id;
    end if;
end;
$$;

comment on function fbs_file_done(bigint, text) is
'Internal. Notes that a claimed file was removed, or why it could not be.';

create function fbs_waiting_files(all_due boolean default false)
returns table (file text, error text)
language plpgsql
security definer
set search_path from current
as $$
begin
    perform fbs_refuse_shadows('{fbs_file_deletions}');
    return query
    select d.file, d.error
    from fbs_file_deletions as d
    where d.error is not null or (all_due and d.next_attempt_at <= clock_timestamp())
    order by d.id;
end;
$$;

comment on function fbs_waiting_files(boolean) is
'Internal. Files that could not be removed, with the error; where asked, those that are due, too.';

create function fbs_give_up_files(files bytea[])
returns setof bytea
language plpgsql
security definer
set search_path from current
as $$
declare
    encoding constant name := case getdatabaseencoding() when 'SQL_ASCII' then 'SQL_ASCII' else 'UTF8' end;
begin
    perform fbs_refuse_shadows('{fbs_file_deletions}');
    perform fbs_refuse_triggers('fbs_file_deletions');
    return query
    delete from fbs_file_deletions as d
    where convert_to(d.file, encoding) = any(files)
    returning convert_to(d.file, encoding);
end;
$$;

comment on function fbs_give_up_files(bytea[]) is
'Internal. Takes files off the list, by their names in UTF-8, or as they are where the database has no encoding. Returns those that were on it.';

select fbs_revoke_execute();

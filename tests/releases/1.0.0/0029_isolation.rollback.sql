-- 0029_isolation: back to before it. Isolation is switched off.

do $$
begin
    if fbs_setting('isolation') = 'on' then
        raise warning 'isolation is switched off: every login sees the rows of all solutions. After the next migrate, type: %',
            fbs_command('isolate', 'on');
    end if;
    perform fbs_isolate(false);
end;
$$;

drop function fbs_isolation_problems();
drop function fbs_isolation_obstacles(boolean, regclass);
drop function fbs_keep_isolated();
drop function fbs_isolate(boolean);
drop function fbs_isolation_parts(boolean);

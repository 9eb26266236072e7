-- 0046_document_approval_views: back to before it.

-- While isolation is on: without the function no row may be written.
do $$
begin
    if exists (
        select from pg_policy as p where p.polrelid = 'fbs_dms_document_workflow'::regclass and p.polname = 'fbs_solution'
    ) then
        alter policy fbs_solution on fbs_dms_document_workflow with check (false);
    end if;
end;
$$;

drop function fbs_is_step_of(bigint, bigint);
drop view fbs_documents_pending_approvals;
drop view fbs_documents_details;

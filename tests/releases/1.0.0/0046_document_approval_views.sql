-- 0046_document_approval_views: one document with all that belongs to it, and approvals that wait.
--
-- component: dms
-- depends: 0010_document_models 0011_document_tag_models 0012_document_approval_models

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);

create view fbs_documents_details
with (security_invoker = true) as
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
'What the document is about; empty text when not explained.';
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
'Last day on which it is valid; NULL when it does not expire.';
comment on column fbs_documents_details.days_left is
'Days until its last valid day: 0 on that day, below 0 after it, NULL when it does not expire.';
comment on column fbs_documents_details.company_id is
'Company it belongs to, by the identifier its solution uses.';
comment on column fbs_documents_details.solution_db is
'Database of the solution it belongs to; NULL when solutions are not kept apart.';
comment on column fbs_documents_details.metadata is
'Further facts by name; {} when none.';
comment on column fbs_documents_details.created_by_id is
'User who created the document.';
comment on column fbs_documents_details.approved_by_id is
'User who approved it; NULL until approved, and when that user is deleted.';
comment on column fbs_documents_details.created_at is
'When the document was added.';
comment on column fbs_documents_details.tags is
'List of its tags by name, each an object with id, name and color; [] when it has none.';
comment on column fbs_documents_details.attachment is
'Object with what is known of its file, named as in fbs_dms_file_attachment; NULL when there is none.';
comment on column fbs_documents_details.workflow is
'Object with its approval run, named as in fbs_dms_document_workflow; NULL when there is none.';
comment on column fbs_documents_details.approvals is
'List of the steps of its approval run in order, named as in fbs_dms_document_approval; [] when there are none.';

-- Pages go on from status and id: of an id alone PostgreSQL expects few pending
-- steps after it, where nearly all are, and sorts what it could read in order.
create view fbs_documents_pending_approvals
with (security_invoker = true) as
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
'What is to be decided; empty text when not explained.';
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
'Last day on which the document is valid; NULL when it does not expire.';

create function fbs_is_step_of(workflow_id bigint, approval_id bigint)
returns boolean
language sql
stable
security definer
parallel safe
set search_path from current
as $$
    select exists (
        select from fbs_dms_document_approval as a
        inner join fbs_dms_document_workflow as w on a.workflow_id = w.id
        inner join fbs_dms_document as d on w.document_id = d.id
        where
            a.id = fbs_is_step_of.approval_id
            and w.id = fbs_is_step_of.workflow_id
            and d.company_id = any(fbs_solutions('company_id'))
    );
$$;

comment on function fbs_is_step_of(bigint, bigint) is
'Internal. Whether an approval is a step of a workflow of the session''s solutions. A policy calls it, as those of the two tables would look at each other.';

select fbs_describe_views();

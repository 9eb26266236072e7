-- 0035_approval_views: back to before it.

drop view fbs_approvals_approvers;
drop function fbs_approvals_turnaround(timestamptz, timestamptz, text);
drop view fbs_approvals_details;
drop view fbs_approvals_pending;
drop view fbs_approvals_requests;

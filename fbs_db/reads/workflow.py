"""Workflows: as they are defined, as they run, and where they wait."""

from datetime import datetime, timedelta
from decimal import Decimal

from fbs_db.reads.declared import AnyDriver, Group, view
from fbs_db.reads.pages import Page
from fbs_db.reads.rows import Json, Row, UserKey


class WorkflowCatalog(Row):
    """A row of ``fbs_workflow_catalog``.

    Attributes:
        version: Edition of the workflow, such as 1.0 or 2.1, so that older ones can stay.
        is_template: True when it is a pattern to make other workflows from.
        steps: How many steps it has; 0 when none are laid out.
        estimated_duration: How long a run is expected to take, in hours; None when not estimated.
        steps_estimated_duration: How long its steps are expected to take together, in hours; None when none is
            estimated.
        trigger_conditions: JSON object with what makes the workflow start by itself; {} when nothing does.
        workflow_data: JSON object with further settings of the workflow; {} when there are none.
    """

    id: int
    name: str
    description: str
    workflow_type: str
    version: str
    is_active: bool
    is_template: bool
    solution_name: str
    steps: int
    required_steps: int
    transitions: int
    estimated_duration: int | None
    steps_estimated_duration: int | None
    trigger_conditions: Json
    workflow_data: Json
    created_by_id: UserKey | None
    created_at: datetime
    updated_at: datetime


class WorkflowRuns(Row):
    """A row of ``fbs_workflow_runs``.

    Attributes:
        workflow_definition_id: Workflow (fbs_workflow_definitions) that is being run.
        workflow_name: Title people know the workflow by.
        version: Edition of the workflow, such as 1.0.
        workflow_type: What the workflow is for, such as approval or onboarding.
        business_id: Business the run is for, by the identifier the application uses for it.
        status: Where the run stands; starts as draft.
        current_step_id: Step the run has reached (fbs_workflow_steps); None when at none, and after that step is
            deleted.
        current_step_name: Title of the step; None when at none.
        current_step_type: What happens at that step, such as task or approval; None when at none.
        current_user_id: User whose turn it is; None when it is nobody's, and after that user is deleted.
        steps_done: How many of them come before the present one; all when completed, 0 when at none.
        progress_percent: Those in percent of all steps: 100 when completed, 0 for a draft at no step; None when the
            workflow has no steps, or the run is at none for another reason.
        started_at: When the run began; the database fills in the time the line is added, even for a draft, unless
            given.
        completed_at: When the run ended, whether finished or cancelled; None until then.
        age: Time since the run began; up to its end once it has ended, None when that is not known.
        expected_at: When the run is expected to end, by the workflow's estimate; None when not estimated.
        is_late: Whether it has not ended by then, or ended later; None when not estimated, or its end is not known.
        model_name: Kind of the host's record it is about, such as tenants.tenant; None when it names none.
        record_id: Key of the host's record it is about, as text; None when it names none.
        workflow_data: JSON object with what the run works on; its keys model_name and record_id name the host's record
            it is about.
    """

    id: int
    workflow_definition_id: int
    workflow_name: str
    version: str
    workflow_type: str
    solution_name: str
    business_id: str
    status: str
    current_step_id: int | None
    current_step_name: str | None
    current_step_type: str | None
    current_user_id: UserKey | None
    steps: int
    steps_done: int
    progress_percent: Decimal | None
    started_at: datetime
    completed_at: datetime | None
    age: timedelta | None
    expected_at: datetime | None
    is_late: bool | None
    model_name: str | None
    record_id: str | None
    workflow_data: Json
    notes: str


class WorkflowActiveRuns(Row):
    """A row of ``fbs_workflow_active_runs``.

    Other fields as in `WorkflowRuns`.

    Attributes:
        assigned_role: Role whose holders do the step, such as manager; "" when no role is set, None when at no step.
        age: Time since the run began.
        waiting: Time since the last entry in its log, or since it began where it has none.
        workflow_data: JSON object with what the run works on; its keys model_name and record_id name the host's record
            it is about.
    """

    id: int
    workflow_definition_id: int
    workflow_name: str
    workflow_type: str
    solution_name: str
    business_id: str
    current_user_id: UserKey | None
    current_step_id: int | None
    current_step_name: str | None
    current_step_type: str | None
    assigned_role: str | None
    started_at: datetime
    age: timedelta
    waiting: timedelta
    model_name: str | None
    record_id: str | None
    workflow_data: Json
    notes: str


class WorkflowGraphs(Row):
    """A row of ``fbs_workflow_graphs``.

    Other fields as in `WorkflowCatalog`.

    Attributes:
        nodes: JSON list of the steps in their order, each with id, name, step_type, order, is_required,
            estimated_duration (hours), assigned_role, assigned_user_id, conditions and actions; [] when there are none.
        edges: JSON list of the transitions by the order of the steps they leave and reach, each with id, from, to (ids
            of steps), transition_type, is_default, conditions and actions; [] when there are none.
    """

    workflow_definition_id: int
    name: str
    version: str
    solution_name: str
    nodes: Json
    edges: Json


class WorkflowOpenTransitions(Row):
    """A row of ``fbs_workflow_open_transitions``.

    Attributes:
        workflow_instance_id: Run (fbs_workflow_instances) that can take this way.
        transition_id: Transition (fbs_workflow_transitions) that is this way.
        current_user_id: User whose turn it is in that run; None when it is nobody's.
        from_step_id: Step (fbs_workflow_steps) where the run stands.
        from_step_name: Title of that step.
        to_step_id: Step (fbs_workflow_steps) it comes to this way.
        to_step_name: Title of that step.
        to_step_type: What happens there, such as task or approval.
        to_assigned_role: Role whose holders do that step; "" when no role is set.
        to_assigned_user_id: User who does that step; None when no one person is set.
        transition_type: What sets it off. Normally one of: automatic (at once), conditional (if conditions hold),
            manual (by a person), timeout (after a wait). FBS also writes forward.
        is_default: True when this way is taken if no other one applies.
        conditions: JSON object with what must hold for this way to be taken; {} when nothing must.
        actions: JSON list of what the system does by itself on the way; [] when nothing.
    """

    workflow_instance_id: int
    transition_id: int
    current_user_id: UserKey | None
    from_step_id: int
    from_step_name: str
    to_step_id: int
    to_step_name: str
    to_step_type: str
    to_assigned_role: str
    to_assigned_user_id: UserKey | None
    transition_type: str
    is_default: bool
    conditions: Json
    actions: Json


class WorkflowLog(Row):
    """A row of ``fbs_workflow_log``.

    Other fields as in `WorkflowRuns`.

    Attributes:
        workflow_instance_id: Workflow run (fbs_workflow_instances) the entry is about.
        action: What happened.
        action_data: JSON object with the particulars of the event, such as the step; {} when there are none.
        timestamp: When the event was logged.
        executed_by_id: User who brought it about; None when the system did, and after that user is deleted.
    """

    id: int
    workflow_instance_id: int
    workflow_definition_id: int
    solution_name: str
    business_id: str
    action: str
    action_data: Json
    timestamp: datetime
    executed_by_id: UserKey | None
    notes: str


class WorkflowAnalytics(Row):
    """A row of ``fbs_workflow_analytics``.

    Other fields as in `WorkflowRuns`.

    Attributes:
        workflow_definition_id: Workflow (fbs_workflow_definitions) whose runs are counted.
        runs: How many runs there are, whatever their state.
        completed_percent: Completed ones in percent of those that ended (completed, cancelled or failed); None when
            none has.
        average_duration: Mean time from start to end of the completed ones; None when there are none.
        median_duration: Time half of the completed ones took at most; None when there are none.
        longest_duration: Longest time one of the completed ones took; None when there are none.
        oldest_open_at: When the oldest of the active and paused ones began; None when there are none.
    """

    workflow_definition_id: int
    solution_name: str
    workflow_name: str
    workflow_type: str
    runs: int
    draft: int
    active: int
    paused: int
    completed: int
    cancelled: int
    failed: int
    completed_percent: Decimal | None
    average_duration: timedelta | None
    median_duration: timedelta | None
    longest_duration: timedelta | None
    oldest_open_at: datetime | None


class WorkflowWaiting(Row):
    """A row of ``fbs_workflow_waiting``.

    Other fields as in `WorkflowRuns`.

    Attributes:
        current_step_id: Step (fbs_workflow_steps) at which the runs wait; None for those at none.
        without_user: How many of them are nobody's turn.
        average_wait: Mean time they have waited.
        median_wait: Time half of them have waited at most.
        longest_wait: Time the one that waits longest has waited.
    """

    workflow_definition_id: int
    current_step_id: int | None
    solution_name: str
    current_step_name: str | None
    current_step_type: str | None
    runs: int
    paused: int
    without_user: int
    average_wait: timedelta
    median_wait: timedelta
    longest_wait: timedelta


class Workflow(Group[AnyDriver]):
    """Workflows: as they are defined, as they run, and where they wait."""

    @view(
        "fbs_workflow_catalog",
        order=("workflow_type", "name", "id"),
        known={
            "workflow_type": (
                "approval",
                "onboarding",
                "order_processing",
                "payment_collection",
                "inventory_management",
                "compliance",
                "custom",
                "general",
            )
        },
    )
    def catalog(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        workflow_type: str | None = None,
        is_active: bool | None = None,
        is_template: bool | None = None,
        name: str | None = None,
        version: str | None = None,
        created_by_id: UserKey | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[WorkflowCatalog]:
        """Workflows as they are laid out, with how many steps and transitions each has. Read by workflow_type, name,
        id.
        """

    @view(
        "fbs_workflow_runs",
        order=("-started_at", "-id"),
        ranged="started_at",
        together=(
            ("model_name", "record_id"),
            ("status", "current_user_id"),
            ("solution_name", "status"),
            ("business_id", "status"),
            ("solution_name", "business_id"),
        ),
        not_alone=("model_name", "record_id"),
        by_record=("fbs_workflow_instances", "fbs_find_workflow_runs"),
        by_value=("status", "current_step_id"),
        known={"status": ("draft", "active", "paused", "completed", "cancelled", "failed", "running")},
    )
    def runs(
        self,
        *,
        id: int | None = None,
        workflow_definition_id: int | None = None,
        solution_name: str | None = None,
        business_id: str | None = None,
        status: str | None = None,
        current_user_id: UserKey | None = None,
        current_step_id: int | None = None,
        model_name: str | None = None,
        record_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[WorkflowRuns]:
        """Runs of workflows: state, present step, progress and age of each. Read newest first: started_at desc, id
        desc.
        """

    @view("fbs_workflow_active_runs", order=("started_at", "id"), ranged="started_at", by_value=("assigned_role",))
    def active_runs(
        self,
        *,
        id: int | None = None,
        current_user_id: UserKey | None = None,
        workflow_definition_id: int | None = None,
        solution_name: str | None = None,
        business_id: str | None = None,
        assigned_role: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[WorkflowActiveRuns]:
        """Runs that are active (drafts, paused and ended ones are not), meant to be read for the user whose turn it is
        and oldest first: started_at, id.
        """

    @view("fbs_workflow_graphs", order=("workflow_definition_id",))
    def graphs(self, *, workflow_definition_id: int) -> WorkflowGraphs | None:
        """Each workflow as a graph: its steps are the nodes, its transitions the edges. Ask for it by
        workflow_definition_id.
        """

    @view(
        "fbs_workflow_open_transitions", order=("workflow_instance_id", "is_default", "transition_id"), scattered=True
    )
    def open_transitions(
        self, *, workflow_instance_id: int | None = None, after: str | None = None, limit: int = 50
    ) -> Page[WorkflowOpenTransitions]:
        """Ways on from where each active run stands: those whose conditions the application judges, and the default
        way, taken when no other applies. A run that is not active, or is at its last step or at none, has no row. Read
        for one workflow_instance_id.
        """

    @view(
        "fbs_workflow_log",
        order=("-timestamp", "-id"),
        ranged="timestamp",
        known={
            "action": (
                "workflow_started",
                "step_completed",
                "step_failed",
                "transition_executed",
                "workflow_completed",
                "workflow_cancelled",
                "workflow_paused",
                "workflow_resumed",
            )
        },
    )
    def log(
        self,
        *,
        id: int | None = None,
        workflow_instance_id: int | None = None,
        action: str | None = None,
        executed_by_id: UserKey | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[WorkflowLog]:
        """Log of the workflow runs, each entry with its run. Read newest first: timestamp desc, id desc."""

    @view("fbs_workflow_analytics", order=("workflow_definition_id", "solution_name"))
    def analytics(
        self,
        *,
        workflow_definition_id: int | None = None,
        solution_name: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[WorkflowAnalytics]:
        """Runs of each workflow in each solution: how many in each state and how long the completed ones took. A
        workflow never run has no row.
        """

    @view("fbs_workflow_waiting", order=("workflow_definition_id", "current_step_id", "solution_name"))
    def waiting(
        self,
        *,
        workflow_definition_id: int | None = None,
        solution_name: str | None = None,
        current_step_id: int | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[WorkflowWaiting]:
        """Where active and paused runs wait: how many at each step, and for how long. A run waits since the last entry
        in its log, or since it started where it has none.
        """

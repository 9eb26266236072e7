"""What can be read, group by group, waiting or not. Generated from the catalog: make schema."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

from fbs_db.reads import rows
from fbs_db.reads.query import Json, Page, Read, State, UserKey
from fbs_db.reads.runner import AsyncRunner, Runner

NOTIFICATIONS_INBOX = Read(
    "fbs_notifications_inbox",
    rows.NotificationsInbox,
    filters=("id", "user_id", "solution_name", "is_unread", "notification_type", "priority"),
    together=(
        ("user_id", "is_unread"),
        ("user_id", "notification_type"),
        ("user_id", "priority"),
        ("solution_name", "is_unread"),
    ),
    order=("-is_unread", "-created_at", "-id"),
    ranged="created_at",
    offered={
        "notification_type": (
            "info",
            "success",
            "warning",
            "error",
            "alert",
            "cash_flow_alert",
            "inventory_alert",
            "payment_reminder",
        ),
        "priority": ("low", "medium", "high", "critical"),
    },
)
NOTIFICATIONS_COUNTS = Read(
    "fbs_notifications_counts",
    rows.NotificationsCounts,
    filters=("user_id",),
    order=("user_id", "notification_type", "priority"),
    nullable=("user_id",),
)
NOTIFICATIONS_ALERTS = Read(
    "fbs_notifications_alerts",
    rows.NotificationsAlerts,
    filters=("id", "user_id", "solution_name", "priority"),
    order=("-created_at", "-id"),
    ranged="created_at",
    offered={"priority": ("low", "medium", "high", "critical")},
)
CUSTOM_FIELDS_VALUES = Read(
    "fbs_custom_fields_values",
    rows.CustomFieldsValues,
    filters=("id", "model_name"),
    together=(
        ("model_name", "record_id"),
        ("model_name", "record_id", "field_name"),
        ("model_name", "record_id", "database_name"),
    ),
    order=("model_name", "record_id", "field_name", "database_name"),
)
CUSTOM_FIELDS_OBJECTS = Read(
    "fbs_custom_fields_objects",
    rows.CustomFieldsObjects,
    filters=("model_name",),
    together=(("model_name", "record_id"), ("model_name", "record_id", "database_name")),
    order=("model_name", "record_id", "database_name"),
)
CUSTOM_FIELDS_RECORDS = Read(
    "fbs_custom_fields_records",
    rows.CustomFieldsRecords,
    {"model_name": "text", "record_ids": "integer[]", "database_name": "text"},
    needed=("model_name", "record_ids"),
)
OPERATIONS_REQUESTS = Read(
    "fbs_operations_requests",
    rows.OperationsRequests,
    filters=("id", "user_id", "database_id", "status_code", "path"),
    order=("-timestamp", "-id"),
    ranged="timestamp",
)
OPERATIONS_REQUESTS_BY_PATH = Read(
    "fbs_operations_requests_by_path",
    rows.OperationsRequestsByPath,
    {"since": "timestamp with time zone", "until": "timestamp with time zone"},
)
OPERATIONS_REQUESTS_BY_STATUS = Read(
    "fbs_operations_requests_by_status",
    rows.OperationsRequestsByStatus,
    {"since": "timestamp with time zone", "until": "timestamp with time zone"},
)
OPERATIONS_REQUESTS_OVER_TIME = Read(
    "fbs_operations_requests_over_time",
    rows.OperationsRequestsOverTime,
    {
        "since": "timestamp with time zone",
        "until": "timestamp with time zone",
        "bucket": "interval",
        "origin": "timestamp with time zone",
    },
)
OPERATIONS_CACHED = Read(
    "fbs_operations_cached", tuple, {"key": "text", "at": "timestamp with time zone"}, needed=("key",)
)
OPERATIONS_CACHE = Read(
    "fbs_operations_cache", rows.OperationsCache, filters=("database_name",), order=("database_name",)
)
OPERATIONS_HANDSHAKES = Read(
    "fbs_operations_handshakes",
    rows.OperationsHandshakes,
    filters=("id", "handshake_id", "solution_name", "status", "is_valid"),
    order=("id",),
    ranged="expires_at",
    offered={"status": ("pending", "active", "expired", "revoked")},
)
OPERATIONS_HANDSHAKE = Read(
    "fbs_operations_handshake",
    rows.OperationsHandshake,
    {"handshake_id": "text", "at": "timestamp with time zone"},
    needed=("handshake_id",),
)
OPERATIONS_VERIFIED_HANDSHAKE = Read(
    "fbs_operations_verified_handshake",
    rows.OperationsVerifiedHandshake,
    {"handshake_id": "text", "secret_key": "text", "at": "timestamp with time zone"},
    needed=("handshake_id", "secret_key"),
)
OPERATIONS_TOKEN_OWNER = Read(
    "fbs_operations_token_owner",
    rows.OperationsTokenOwner,
    {"token": "text", "at": "timestamp with time zone"},
    needed=("token",),
)
OPERATIONS_BUSINESS_RULES = Read(
    "fbs_operations_business_rules",
    rows.OperationsBusinessRules,
    filters=("id", "model_name", "rule_type", "is_active"),
    order=("model_name", "priority", "name", "id"),
    offered={"rule_type": ("validation", "calculation", "workflow", "compliance")},
)
APPROVALS_REQUESTS = Read(
    "fbs_approvals_requests",
    rows.ApprovalsRequests,
    filters=("id", "status", "approval_type", "requester_id", "approver_id", "solution_name"),
    together=(
        ("model_name", "record_id"),
        ("status", "approval_type"),
        ("status", "requester_id"),
        ("status", "approver_id"),
        ("status", "solution_name"),
    ),
    order=("-created_at", "-id"),
    ranged="created_at",
    offered={
        "approval_type": ("workflow", "document", "purchase", "expense", "other", "general"),
        "status": ("pending", "approved", "rejected", "cancelled"),
    },
)
APPROVALS_PENDING = Read(
    "fbs_approvals_pending",
    rows.ApprovalsPending,
    filters=("id", "approver_id", "approval_type", "requester_id", "solution_name"),
    together=(("model_name", "record_id"),),
    order=("created_at", "id"),
    ranged="created_at",
    offered={"approval_type": ("workflow", "document", "purchase", "expense", "other", "general")},
)
APPROVALS_DETAILS = Read("fbs_approvals_details", rows.ApprovalsDetails, filters=("id",), order=("id",))
APPROVALS_TURNAROUND = Read(
    "fbs_approvals_turnaround",
    rows.ApprovalsTurnaround,
    {"since": "timestamp with time zone", "until": "timestamp with time zone", "solution": "text"},
)
APPROVALS_APPROVERS = Read(
    "fbs_approvals_approvers",
    rows.ApprovalsApprovers,
    filters=("approver_id",),
    order=("approver_id",),
    nullable=("approver_id",),
)
MSME_SETUP = Read(
    "fbs_msme_setup",
    rows.MsmeSetup,
    filters=("id", "solution_name", "status", "business_type"),
    order=("solution_name",),
    offered={"status": ("not_started", "in_progress", "completed", "paused", "failed")},
)
MSME_KPI_PROGRESS = Read(
    "fbs_msme_kpi_progress",
    rows.MsmeKpiProgress,
    filters=("id", "solution_name", "kpi_type", "period", "kpi_name", "is_reached", "trend"),
    order=("solution_name", "kpi_name", "period"),
    offered={"kpi_type": ("financial", "operational", "customer", "growth", "compliance")},
)
MSME_COMPLIANCE_STATUS = Read(
    "fbs_msme_compliance_status",
    rows.MsmeComplianceStatus,
    filters=("id", "solution_name", "compliance_type", "status", "due_state"),
    order=("due_date", "id"),
    ranged="due_date",
    states={
        "due_state": State(
            ("met", "overdue", "due", "later"), "fbs_is_due_state", ("status", "actual_completion_date", "due_date")
        )
    },
    offered={
        "compliance_type": ("tax", "regulatory", "financial", "operational"),
        "status": ("compliant", "non_compliant", "at_risk", "pending", "completed"),
    },
)
MSME_CAMPAIGNS = Read(
    "fbs_msme_campaigns",
    rows.MsmeCampaigns,
    filters=("id", "solution_name", "status", "campaign_type", "is_running", "is_over_budget"),
    order=("-start_date", "-id"),
    ranged="start_date",
    offered={"campaign_type": ("digital", "traditional", "social_media", "email", "content")},
)
MSME_SETUP_TEMPLATES = Read(
    "fbs_msme_setup_templates",
    rows.MsmeSetupTemplates,
    filters=("id", "business_type", "is_active", "name"),
    order=("business_type", "name", "id"),
    offered={
        "business_type": ("retail", "manufacturing", "services", "restaurant", "consulting", "ecommerce", "other")
    },
)
MSME_ANALYTICS_SERIES = Read(
    "fbs_msme_analytics_series",
    rows.MsmeAnalyticsSeries,
    filters=("id", "solution_name"),
    together=(("solution_name", "metric_name"), ("solution_name", "period")),
    order=("date", "id"),
    ranged="date",
)
MSME_ANALYTICS_SUMMARY = Read(
    "fbs_msme_analytics_summary",
    rows.MsmeAnalyticsSummary,
    {"solution_name": "text", "since": "date", "until": "date"},
    needed=("solution_name",),
)
MSME_DASHBOARD = Read("fbs_msme_dashboard", rows.MsmeDashboard, filters=("solution_name",), order=("solution_name",))
WORKFLOW_CATALOG = Read(
    "fbs_workflow_catalog",
    rows.WorkflowCatalog,
    filters=("id", "solution_name", "workflow_type", "is_active", "is_template", "name", "version", "created_by_id"),
    order=("workflow_type", "name", "id"),
    offered={
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
WORKFLOW_RUNS = Read(
    "fbs_workflow_runs",
    rows.WorkflowRuns,
    filters=(
        "id",
        "workflow_definition_id",
        "solution_name",
        "business_id",
        "status",
        "current_user_id",
        "current_step_id",
    ),
    together=(
        ("model_name", "record_id"),
        ("status", "current_user_id"),
        ("solution_name", "status"),
        ("business_id", "status"),
        ("solution_name", "business_id"),
    ),
    order=("-started_at", "-id"),
    ranged="started_at",
    offered={"status": ("draft", "active", "paused", "completed", "cancelled", "failed", "running")},
)
WORKFLOW_ACTIVE_RUNS = Read(
    "fbs_workflow_active_runs",
    rows.WorkflowActiveRuns,
    filters=("id", "current_user_id", "workflow_definition_id", "solution_name", "business_id", "assigned_role"),
    order=("started_at", "id"),
    ranged="started_at",
)
WORKFLOW_GRAPHS = Read(
    "fbs_workflow_graphs", rows.WorkflowGraphs, filters=("workflow_definition_id",), order=("workflow_definition_id",)
)
WORKFLOW_OPEN_TRANSITIONS = Read(
    "fbs_workflow_open_transitions",
    rows.WorkflowOpenTransitions,
    filters=("workflow_instance_id",),
    order=("workflow_instance_id", "is_default", "transition_id"),
    scattered=True,
)
WORKFLOW_LOG = Read(
    "fbs_workflow_log",
    rows.WorkflowLog,
    filters=("id", "workflow_instance_id", "action", "executed_by_id"),
    order=("-timestamp", "-id"),
    ranged="timestamp",
    offered={
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
WORKFLOW_ANALYTICS = Read(
    "fbs_workflow_analytics",
    rows.WorkflowAnalytics,
    filters=("workflow_definition_id", "solution_name"),
    order=("workflow_definition_id", "solution_name"),
)
WORKFLOW_WAITING = Read(
    "fbs_workflow_waiting",
    rows.WorkflowWaiting,
    filters=("workflow_definition_id", "solution_name", "current_step_id"),
    order=("workflow_definition_id", "current_step_id", "solution_name"),
    nullable=("current_step_id",),
)
BI_DASHBOARDS = Read(
    "fbs_bi_dashboards",
    rows.BiDashboards,
    filters=("id", "dashboard_type", "is_public", "is_active", "created_by_id"),
    order=("dashboard_type", "name", "id"),
    offered={"dashboard_type": ("msme", "financial", "operational", "compliance", "custom", "general")},
)
BI_VISIBLE_DASHBOARDS = Read(
    "fbs_bi_visible_dashboards", rows.BiVisibleDashboards, {"user_id": "SCHEMA.fbs_user_id"}, needed=("user_id",)
)
BI_REPORTS = Read(
    "fbs_bi_reports",
    rows.BiReports,
    filters=("id", "report_type", "is_scheduled", "is_active", "output_format", "created_by_id"),
    order=("report_type", "name", "id"),
    offered={
        "output_format": ("pdf", "excel", "csv", "json", "html"),
        "report_type": ("sales", "financial", "inventory", "compliance", "operational", "custom", "general"),
    },
)
BI_KPIS = Read(
    "fbs_bi_kpis",
    rows.BiKpis,
    filters=("id", "kpi_type", "frequency", "is_active", "created_by_id"),
    order=("kpi_type", "name", "id"),
    offered={
        "frequency": ("real_time", "hourly", "daily", "weekly", "monthly", "quarterly", "annually"),
        "kpi_type": ("financial", "operational", "customer", "employee", "compliance", "growth", "general"),
    },
)
BI_KPI_STATE = Read(
    "fbs_bi_kpi_state",
    rows.BiKpiState,
    {"kpi_id": "bigint", "measured_value": "numeric"},
    needed=("kpi_id", "measured_value"),
)
BI_CHARTS = Read(
    "fbs_bi_charts",
    rows.BiCharts,
    filters=("id", "chart_type", "is_active", "created_by_id"),
    order=("chart_type", "name", "id"),
    offered={"chart_type": ("line", "bar", "pie", "area", "scatter", "table", "gauge", "metric")},
)
BI_SCHEDULES_DUE = Read(
    "fbs_bi_schedules_due",
    rows.BiSchedulesDue,
    {"since": "timestamp with time zone", "zone": "text", "at": "timestamp with time zone"},
)
COMPLIANCE_RULE_LIST = Read(
    "fbs_compliance_rule_list",
    rows.ComplianceRuleList,
    filters=("id", "solution_name", "name", "compliance_type", "check_frequency", "active"),
    order=("solution_name", "name"),
    offered={
        "check_frequency": ("daily", "weekly", "monthly", "quarterly", "yearly"),
        "compliance_type": ("tax", "regulatory", "audit", "financial", "operational", "general"),
    },
)
COMPLIANCE_SUMMARY = Read(
    "fbs_compliance_summary", rows.ComplianceSummary, filters=("solution_name",), order=("solution_name",)
)
COMPLIANCE_AUDIT_TRAIL = Read(
    "fbs_compliance_audit_trail",
    rows.ComplianceAuditTrail,
    filters=("id", "solution_name", "user_id"),
    together=(("record_type", "record_id"), ("solution_name", "record_type"), ("solution_name", "user_id")),
    order=("-timestamp", "-id"),
    ranged="timestamp",
    offered={"record_type": ("sale", "purchase", "payment", "inventory", "user", "system")},
)
COMPLIANCE_USER_ACTIVITY = Read(
    "fbs_compliance_user_activity",
    rows.ComplianceUserActivity,
    filters=("id", "solution_name", "user_id"),
    together=(("solution_name", "user_id"), ("solution_name", "action")),
    order=("-timestamp", "-id"),
    ranged="timestamp",
)
COMPLIANCE_REPORT_SCHEDULES = Read(
    "fbs_compliance_report_schedules",
    rows.ComplianceReportSchedules,
    filters=("id", "solution_name", "name", "report_type", "frequency", "active", "is_overdue"),
    order=("next_run", "id"),
    ranged="next_run",
    offered={"frequency": ("daily", "weekly", "monthly", "quarterly", "yearly")},
)
COMPLIANCE_RECURRING_TRANSACTIONS = Read(
    "fbs_compliance_recurring_transactions",
    rows.ComplianceRecurringTransactions,
    filters=("id", "solution_name"),
    together=(("solution_name", "transaction_type"), ("solution_name", "frequency"), ("solution_name", "active")),
    order=("id",),
    ranged="next_date",
    offered={
        "frequency": ("daily", "weekly", "monthly", "quarterly", "yearly"),
        "transaction_type": ("income", "expense", "payment", "receipt"),
    },
)
COMPLIANCE_RECURRING_DATES = Read(
    "fbs_compliance_recurring_dates",
    rows.ComplianceRecurringDates,
    {"solution_name": "text", "since": "date", "until": "date"},
    needed=("solution_name",),
)
ACCOUNTING_CASH_ENTRIES = Read(
    "fbs_accounting_cash_entries",
    rows.AccountingCashEntries,
    filters=("id", "business_id"),
    together=(
        ("business_id", "entry_type"),
        ("business_id", "category"),
        ("business_id", "payment_method"),
        ("business_id", "vendor_customer"),
        ("business_id", "reference_number"),
    ),
    order=("-entry_date", "-id"),
    ranged="entry_date",
    offered={
        "entry_type": ("income", "expense", "transfer", "adjustment"),
        "payment_method": ("cash", "bank_transfer", "check", "credit_card", "debit_card", "mobile_payment", "other"),
    },
)
ACCOUNTING_CASH_LEDGER = Read(
    "fbs_accounting_cash_ledger",
    rows.AccountingCashLedger,
    {
        "business_id": "text",
        "since": "date",
        "until": "date",
        "after_date": "date",
        "after_id": "bigint",
        "carried": "numeric",
        "page_size": "bigint",
    },
    needed=("business_id",),
)
ACCOUNTING_CASH_POSITION = Read(
    "fbs_accounting_cash_position",
    rows.AccountingCashPosition,
    {"business_id": "text", "on_date": "date"},
    needed=("business_id",),
)
ACCOUNTING_CASH_BY_METHOD = Read(
    "fbs_accounting_cash_by_method",
    rows.AccountingCashByMethod,
    {"business_id": "text", "on_date": "date"},
    needed=("business_id",),
)
ACCOUNTING_TRANSACTIONS = Read(
    "fbs_accounting_transactions",
    rows.AccountingTransactions,
    filters=("id", "business_id"),
    together=(
        ("business_id", "transaction_type"),
        ("business_id", "category"),
        ("business_id", "payment_status"),
        ("business_id", "vendor_customer"),
        ("business_id", "invoice_number"),
    ),
    order=("-transaction_date", "-id"),
    ranged="transaction_date",
    offered={
        "payment_status": ("pending", "partial", "paid", "overdue", "cancelled"),
        "transaction_type": ("income", "expense"),
    },
)
ACCOUNTING_INCOME_EXPENSE = Read(
    "fbs_accounting_income_expense",
    rows.AccountingIncomeExpense,
    {"business_id": "text", "since": "date", "until": "date", "period": "text"},
    needed=("business_id",),
)
ACCOUNTING_INCOME_EXPENSE_SUMMARY = Read(
    "fbs_accounting_income_expense_summary",
    rows.AccountingIncomeExpenseSummary,
    {"business_id": "text", "since": "date", "until": "date"},
    needed=("business_id",),
)
ACCOUNTING_LEDGER_LINES = Read(
    "fbs_accounting_ledger_lines",
    rows.AccountingLedgerLines,
    filters=("id", "business_id"),
    together=(("business_id", "account"), ("business_id", "reference")),
    order=("business_id", "account", "entry_date", "id"),
    ranged="entry_date",
)
ACCOUNTING_ACCOUNT_LEDGER = Read(
    "fbs_accounting_account_ledger",
    rows.AccountingAccountLedger,
    {
        "business_id": "text",
        "account": "text",
        "since": "date",
        "until": "date",
        "after_date": "date",
        "after_id": "bigint",
        "carried": "numeric",
        "page_size": "bigint",
    },
    needed=("business_id", "account"),
)
ACCOUNTING_ACCOUNT_BALANCES = Read(
    "fbs_accounting_account_balances",
    rows.AccountingAccountBalances,
    filters=("business_id",),
    together=(("business_id", "account"), ("business_id", "account_type")),
    order=("business_id", "account", "account_type"),
)
ACCOUNTING_TRIAL_BALANCE = Read(
    "fbs_accounting_trial_balance",
    rows.AccountingTrialBalance,
    {"business_id": "text", "on_date": "date"},
    needed=("business_id",),
)
ACCOUNTING_OPEN_ITEMS = Read(
    "fbs_accounting_open_items",
    rows.AccountingOpenItems,
    {"business_id": "text", "of_type": "text", "on_date": "date"},
    needed=("business_id",),
)
ACCOUNTING_RECEIVABLES = Read(
    "fbs_accounting_receivables",
    rows.AccountingReceivables,
    {"business_id": "text", "on_date": "date"},
    needed=("business_id",),
)
ACCOUNTING_PAYABLES = Read(
    "fbs_accounting_payables",
    rows.AccountingPayables,
    {"business_id": "text", "on_date": "date"},
    needed=("business_id",),
)
ACCOUNTING_TAXES = Read(
    "fbs_accounting_taxes",
    rows.AccountingTaxes,
    filters=("id", "business_id", "payment_status", "tax_type"),
    together=(("business_id", "tax_type"), ("business_id", "payment_status"), ("business_id", "is_overdue")),
    order=("-tax_period_end", "-id"),
    ranged="tax_period_end",
    offered={
        "payment_status": ("pending", "partial", "paid", "overdue"),
        "tax_type": ("income_tax", "sales_tax", "payroll_tax", "property_tax", "other", "vat"),
    },
)
ACCOUNTING_TAX_SUMMARY = Read(
    "fbs_accounting_tax_summary",
    rows.AccountingTaxSummary,
    {"business_id": "text", "since": "date", "until": "date", "on_date": "date"},
    needed=("business_id",),
)
ACCOUNTING_HEALTH = Read(
    "fbs_accounting_health",
    rows.AccountingHealth,
    {"business_id": "text", "months": "integer", "on_date": "date"},
    needed=("business_id",),
)
DISCOVERY_MODELS = Read(
    "fbs_discovery_models",
    rows.DiscoveryModels,
    filters=("id", "database_name", "model_name", "module_name", "model_type", "is_active", "is_installed"),
    together=(("database_name", "model_name"), ("database_name", "module_name")),
    order=("id",),
    ranged="last_verified",
    offered={"model_type": ("base", "business", "system", "custom")},
)
DISCOVERY_FIELDS = Read(
    "fbs_discovery_fields",
    rows.DiscoveryFields,
    filters=(
        "id",
        "odoo_model_id",
        "database_name",
        "model_name",
        "field_name",
        "field_type",
        "relation_model",
        "required",
    ),
    together=(("database_name", "model_name"), ("odoo_model_id", "field_name")),
    order=("odoo_model_id", "field_name"),
)
DISCOVERY_MODULES = Read(
    "fbs_discovery_modules",
    rows.DiscoveryModules,
    filters=("id", "database_name", "module_name", "category", "is_installed", "is_active", "application"),
    together=(("database_name", "module_name"),),
    order=("database_name", "module_name"),
)
DISCOVERY_SESSION_LIST = Read(
    "fbs_discovery_session_list",
    rows.DiscoverySessionList,
    filters=("id", "session_id", "database_name", "session_type", "status"),
    order=("-started_at", "-id"),
    ranged="started_at",
    offered={"status": ("running", "completed", "failed", "cancelled")},
)
DISCOVERY_SCHEMA = Read(
    "fbs_discovery_schema",
    rows.DiscoverySchema,
    {"database_name": "text", "model_name": "text"},
    needed=("database_name", "model_name"),
)
DOCUMENTS_CATEGORIES = Read(
    "fbs_documents_categories",
    rows.DocumentsCategories,
    filters=("id", "parent_id", "name", "is_active", "depth", "in_cycle"),
    order=("path", "id"),
)
DOCUMENTS_OVERVIEW = Read(
    "fbs_documents_overview",
    rows.DocumentsOverview,
    filters=(
        "id",
        "company_id",
        "state",
        "document_type_id",
        "category_id",
        "created_by_id",
        "approved_by_id",
        "solution_db",
        "attachment_id",
        "expiry_date",
    ),
    together=(
        ("company_id", "state"),
        ("company_id", "category_id"),
        ("company_id", "solution_db"),
        ("document_type_id", "category_id"),
        ("category_id", "created_by_id"),
    ),
    order=("-created_at", "-id"),
    ranged="created_at",
    offered={"state": ("draft", "pending", "approved", "rejected", "archived")},
)
DOCUMENTS_DETAILS = Read("fbs_documents_details", rows.DocumentsDetails, filters=("id",), order=("id",))
DOCUMENTS_PENDING_APPROVALS = Read(
    "fbs_documents_pending_approvals",
    rows.DocumentsPendingApprovals,
    filters=("id", "approver_id", "workflow_id", "document_id"),
    together=(("approver_id", "is_turn"),),
    order=("status", "id"),
)
DOCUMENTS_SEARCH = Read(
    "fbs_documents_search",
    rows.DocumentsSearch,
    {
        "company_id": "text",
        "query": "text",
        "state": "text",
        "document_type_id": "bigint",
        "category_id": "bigint",
        "page_size": "bigint",
        "after_rank": "double precision",
        "after_id": "bigint",
    },
    needed=("company_id", "query"),
)
DOCUMENTS_BY_METADATA = Read(
    "fbs_documents_by_metadata",
    rows.DocumentsByMetadata,
    {
        "company_id": "text",
        "metadata": "jsonb",
        "page_size": "bigint",
        "after_created_at": "timestamp with time zone",
        "after_id": "bigint",
    },
    needed=("company_id", "metadata"),
)
DOCUMENTS_EXPIRING = Read(
    "fbs_documents_expiring",
    rows.DocumentsExpiring,
    {"company_id": "text", "within_days": "integer", "on_date": "date"},
    needed=("company_id",),
)
DOCUMENTS_EXPIRED = Read(
    "fbs_documents_expired",
    rows.DocumentsExpired,
    {"company_id": "text", "since": "date", "page_size": "bigint", "on_date": "date"},
    needed=("company_id",),
)
DOCUMENTS_STORAGE = Read("fbs_documents_storage", rows.DocumentsStorage, {"company_id": "text"}, needed=("company_id",))
DOCUMENTS_STORAGE_BY_TYPE = Read(
    "fbs_documents_storage_by_type", rows.DocumentsStorageByType, {"company_id": "text"}, needed=("company_id",)
)
DOCUMENTS_STATISTICS = Read(
    "fbs_documents_statistics",
    rows.DocumentsStatistics,
    {"company_id": "text", "on_date": "date"},
    needed=("company_id",),
)
LICENSING_LICENSES = Read(
    "fbs_licensing_licenses",
    rows.LicensingLicenses,
    filters=("id", "solution_name", "license_type", "status", "effective_status", "source"),
    order=("solution_name",),
    ranged="expiry_date",
    offered={
        "license_type": ("trial", "basic", "professional", "enterprise"),
        "source": ("embedded", "external", "file", "environment"),
        "status": ("active", "expired", "suspended", "trial_expired"),
    },
)
LICENSING_LICENSE = Read(
    "fbs_licensing_license",
    rows.LicensingLicense,
    {"solution_name": "text", "on_date": "date"},
    needed=("solution_name",),
)
LICENSING_FEATURE = Read(
    "fbs_licensing_feature",
    rows.LicensingFeature,
    {"solution_name": "text", "feature_name": "text", "on_date": "date"},
    needed=("solution_name", "feature_name"),
)
LICENSING_FEATURES = Read(
    "fbs_licensing_features",
    rows.LicensingFeatures,
    {"solution_name": "text", "on_date": "date"},
    needed=("solution_name",),
)
LICENSING_USAGE = Read(
    "fbs_licensing_usage",
    rows.LicensingUsage,
    filters=("id", "solution_name", "feature_name"),
    together=(("solution_name", "feature_name"),),
    order=("solution_name", "feature_name"),
    ranged="last_updated",
)
SUITE_DEADLINES = Read(
    "fbs_suite_deadlines",
    rows.SuiteDeadlines,
    {"solution_name": "text", "since": "date", "until": "date", "page_size": "bigint", "on_date": "date"},
    needed=("solution_name",),
)


class Approvals:
    """Approval requests, and how long they take."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def requests(
        self,
        *,
        id: int | None = None,
        status: str | None = None,
        approval_type: str | None = None,
        requester_id: UserKey | None = None,
        approver_id: UserKey | None = None,
        solution_name: str | None = None,
        model_name: str | None = None,
        record_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.ApprovalsRequests]:
        """Approval requests, whatever became of them. Read newest first: created_at desc, id desc.

        Parameters:
            id, status, approval_type, requester_id, approver_id, solution_name: only rows with this value; they
                combine.
            model_name: the same, asked for with record_id.
            record_id: the same, asked for with model_name.
            since, until: only rows whose created_at is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_approvals_requests``.
        """
        return self._run.page(
            APPROVALS_REQUESTS,
            APPROVALS_REQUESTS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "status": status,
                    "approval_type": approval_type,
                    "requester_id": requester_id,
                    "approver_id": approver_id,
                    "solution_name": solution_name,
                    "model_name": model_name,
                    "record_id": record_id,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_requests(
        self,
        *,
        id: int | None = None,
        status: str | None = None,
        approval_type: str | None = None,
        requester_id: UserKey | None = None,
        approver_id: UserKey | None = None,
        solution_name: str | None = None,
        model_name: str | None = None,
        record_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[rows.ApprovalsRequests]:
        """As `Approvals.requests`, row after row from a cursor of the server's."""
        return self._run.stream(
            APPROVALS_REQUESTS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "status": status,
                    "approval_type": approval_type,
                    "requester_id": requester_id,
                    "approver_id": approver_id,
                    "solution_name": solution_name,
                    "model_name": model_name,
                    "record_id": record_id,
                },
                since=since,
                until=until,
            )
        )

    def pending(
        self,
        *,
        id: int | None = None,
        approver_id: UserKey | None = None,
        approval_type: str | None = None,
        requester_id: UserKey | None = None,
        solution_name: str | None = None,
        model_name: str | None = None,
        record_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.ApprovalsPending]:
        """Approval requests that wait for a decision, meant to be read for one approver and oldest first:
        created_at, id. Those nobody is chosen for have no approver_id.

        Parameters:
            id, approver_id, approval_type, requester_id, solution_name: only rows with this value; they
                combine.
            model_name: the same, asked for with record_id.
            record_id: the same, asked for with model_name.
            since, until: only rows whose created_at is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_approvals_pending``.
        """
        return self._run.page(
            APPROVALS_PENDING,
            APPROVALS_PENDING.of_view(
                self._run.schema,
                {
                    "id": id,
                    "approver_id": approver_id,
                    "approval_type": approval_type,
                    "requester_id": requester_id,
                    "solution_name": solution_name,
                    "model_name": model_name,
                    "record_id": record_id,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_pending(
        self,
        *,
        id: int | None = None,
        approver_id: UserKey | None = None,
        approval_type: str | None = None,
        requester_id: UserKey | None = None,
        solution_name: str | None = None,
        model_name: str | None = None,
        record_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[rows.ApprovalsPending]:
        """As `Approvals.pending`, row after row from a cursor of the server's."""
        return self._run.stream(
            APPROVALS_PENDING.of_view(
                self._run.schema,
                {
                    "id": id,
                    "approver_id": approver_id,
                    "approval_type": approval_type,
                    "requester_id": requester_id,
                    "solution_name": solution_name,
                    "model_name": model_name,
                    "record_id": record_id,
                },
                since=since,
                until=until,
            )
        )

    def details(self, *, id: int) -> rows.ApprovalsDetails | None:
        """One approval request with all answers given to it. Ask for it by id.

        Parameters:
            id: of the row.

        Reads ``fbs_approvals_details``.
        """
        return self._run.one(APPROVALS_DETAILS.of_view(self._run.schema, {"id": id}))

    def turnaround(
        self, *, since: datetime | None = None, until: datetime | None = None, solution: str | None = None
    ) -> Page[rows.ApprovalsTurnaround]:
        """How approval requests made from since to before until (all unless given) fared, for each solution (or
        the one named) and type: how many, how many in each state, the share of decided ones that were approved,
        and how long a decision took. A decision's time is approved_at of an approved request, else the last
        answer that says the same; where neither is there it is not known and left out. Cancelled ones are not
        decided. What there are no requests of has no row.

        Reads ``fbs_approvals_turnaround``.
        """
        return self._run.page(
            APPROVALS_TURNAROUND,
            APPROVALS_TURNAROUND.of_function(self._run.schema, since=since, until=until, solution=solution),
            None,
        )

    def approvers(
        self, *, approver_id: UserKey | None = None, after: str | None = None, limit: int = 50
    ) -> Page[rows.ApprovalsApprovers]:
        """What each approver has been asked for and has decided. Users never asked have no row; requests nobody is
        chosen for are counted under an empty approver_id.

        Parameters:
            approver_id: only rows with this value; they combine.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_approvals_approvers``.
        """
        return self._run.page(
            APPROVALS_APPROVERS,
            APPROVALS_APPROVERS.of_view(self._run.schema, {"approver_id": approver_id}, after=after, limit=limit),
            limit,
        )

    def stream_approvers(self, *, approver_id: UserKey | None = None) -> Iterator[rows.ApprovalsApprovers]:
        """As `Approvals.approvers`, row after row from a cursor of the server's."""
        return self._run.stream(APPROVALS_APPROVERS.of_view(self._run.schema, {"approver_id": approver_id}))


class Notifications:
    """What users are told."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def inbox(
        self,
        *,
        id: int | None = None,
        user_id: UserKey | None = None,
        solution_name: str | None = None,
        is_unread: bool | None = None,
        notification_type: str | None = None,
        priority: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.NotificationsInbox]:
        """Notifications, meant to be read for one user and in the order is_unread desc, created_at desc, id desc:
        unread ones first, the newest on top. Those for nobody in particular have no user_id and are in no
        user's share.

        Parameters:
            id, user_id, solution_name, is_unread, notification_type, priority: only rows with this value; they
                combine.
            since, until: only rows whose created_at is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_notifications_inbox``.
        """
        return self._run.page(
            NOTIFICATIONS_INBOX,
            NOTIFICATIONS_INBOX.of_view(
                self._run.schema,
                {
                    "id": id,
                    "user_id": user_id,
                    "solution_name": solution_name,
                    "is_unread": is_unread,
                    "notification_type": notification_type,
                    "priority": priority,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_inbox(
        self,
        *,
        id: int | None = None,
        user_id: UserKey | None = None,
        solution_name: str | None = None,
        is_unread: bool | None = None,
        notification_type: str | None = None,
        priority: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[rows.NotificationsInbox]:
        """As `Notifications.inbox`, row after row from a cursor of the server's."""
        return self._run.stream(
            NOTIFICATIONS_INBOX.of_view(
                self._run.schema,
                {
                    "id": id,
                    "user_id": user_id,
                    "solution_name": solution_name,
                    "is_unread": is_unread,
                    "notification_type": notification_type,
                    "priority": priority,
                },
                since=since,
                until=until,
            )
        )

    def counts(
        self, *, user_id: UserKey | None = None, after: str | None = None, limit: int = 50
    ) -> Page[rows.NotificationsCounts]:
        """How many notifications each user has of each type and priority. What a user has none of has no row;
        those for nobody in particular are counted under an empty user_id.

        Parameters:
            user_id: only rows with this value; they combine.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_notifications_counts``.
        """
        return self._run.page(
            NOTIFICATIONS_COUNTS,
            NOTIFICATIONS_COUNTS.of_view(self._run.schema, {"user_id": user_id}, after=after, limit=limit),
            limit,
        )

    def stream_counts(self, *, user_id: UserKey | None = None) -> Iterator[rows.NotificationsCounts]:
        """As `Notifications.counts`, row after row from a cursor of the server's."""
        return self._run.stream(NOTIFICATIONS_COUNTS.of_view(self._run.schema, {"user_id": user_id}))

    def alerts(
        self,
        *,
        id: int | None = None,
        user_id: UserKey | None = None,
        solution_name: str | None = None,
        priority: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.NotificationsAlerts]:
        """Active alerts: notifications of the type alert that nobody has read yet. An alert ends when it is read.

        Parameters:
            id, user_id, solution_name, priority: only rows with this value; they combine.
            since, until: only rows whose created_at is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_notifications_alerts``.
        """
        return self._run.page(
            NOTIFICATIONS_ALERTS,
            NOTIFICATIONS_ALERTS.of_view(
                self._run.schema,
                {"id": id, "user_id": user_id, "solution_name": solution_name, "priority": priority},
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_alerts(
        self,
        *,
        id: int | None = None,
        user_id: UserKey | None = None,
        solution_name: str | None = None,
        priority: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[rows.NotificationsAlerts]:
        """As `Notifications.alerts`, row after row from a cursor of the server's."""
        return self._run.stream(
            NOTIFICATIONS_ALERTS.of_view(
                self._run.schema,
                {"id": id, "user_id": user_id, "solution_name": solution_name, "priority": priority},
                since=since,
                until=until,
            )
        )


class Msme:
    """Set-up, goals, duties, campaigns and figures of a small business."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def setup(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        status: str | None = None,
        business_type: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.MsmeSetup]:
        """How far the set-up of each solution is. A solution whose set-up was never opened has no row.

        Parameters:
            id, solution_name, status, business_type: only rows with this value; they combine.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_msme_setup``.
        """
        return self._run.page(
            MSME_SETUP,
            MSME_SETUP.of_view(
                self._run.schema,
                {"id": id, "solution_name": solution_name, "status": status, "business_type": business_type},
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_setup(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        status: str | None = None,
        business_type: str | None = None,
    ) -> Iterator[rows.MsmeSetup]:
        """As `Msme.setup`, row after row from a cursor of the server's."""
        return self._run.stream(
            MSME_SETUP.of_view(
                self._run.schema,
                {"id": id, "solution_name": solution_name, "status": status, "business_type": business_type},
            )
        )

    def kpi_progress(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        kpi_type: str | None = None,
        period: str | None = None,
        kpi_name: str | None = None,
        is_reached: bool | None = None,
        trend: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.MsmeKpiProgress]:
        """Key figures against their targets. More counts as better: a figure has reached its target when it is at
        or above it.

        Parameters:
            id, solution_name, kpi_type, period, kpi_name, is_reached, trend: only rows with this value; they
                combine.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_msme_kpi_progress``.
        """
        return self._run.page(
            MSME_KPI_PROGRESS,
            MSME_KPI_PROGRESS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "kpi_type": kpi_type,
                    "period": period,
                    "kpi_name": kpi_name,
                    "is_reached": is_reached,
                    "trend": trend,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_kpi_progress(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        kpi_type: str | None = None,
        period: str | None = None,
        kpi_name: str | None = None,
        is_reached: bool | None = None,
        trend: str | None = None,
    ) -> Iterator[rows.MsmeKpiProgress]:
        """As `Msme.kpi_progress`, row after row from a cursor of the server's."""
        return self._run.stream(
            MSME_KPI_PROGRESS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "kpi_type": kpi_type,
                    "period": period,
                    "kpi_name": kpi_name,
                    "is_reached": is_reached,
                    "trend": trend,
                },
            )
        )

    def compliance_status(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        compliance_type: str | None = None,
        status: str | None = None,
        due_state: str | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.MsmeComplianceStatus]:
        """Duties of each business, and which are due or overdue. A duty is met when its day of completion is known
        or its status is compliant or completed. Today is the session's day; on the due date itself a duty is
        not late yet.

        Parameters:
            id, solution_name, compliance_type, status, due_state: only rows with this value; they combine.
            since, until: only rows whose due_date is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_msme_compliance_status``.
        """
        return self._run.page(
            MSME_COMPLIANCE_STATUS,
            MSME_COMPLIANCE_STATUS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "compliance_type": compliance_type,
                    "status": status,
                    "due_state": due_state,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_compliance_status(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        compliance_type: str | None = None,
        status: str | None = None,
        due_state: str | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> Iterator[rows.MsmeComplianceStatus]:
        """As `Msme.compliance_status`, row after row from a cursor of the server's."""
        return self._run.stream(
            MSME_COMPLIANCE_STATUS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "compliance_type": compliance_type,
                    "status": status,
                    "due_state": due_state,
                },
                since=since,
                until=until,
            )
        )

    def campaigns(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        status: str | None = None,
        campaign_type: str | None = None,
        is_running: bool | None = None,
        is_over_budget: bool | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.MsmeCampaigns]:
        """Marketing campaigns with what they cost so far against their budget. The cost is what the metrics say
        under spend, else spent, else cost. Today is the session's day; first and last day are days of the
        campaign. Read latest first: start_date desc, id desc.

        Parameters:
            id, solution_name, status, campaign_type, is_running, is_over_budget: only rows with this value;
                they combine.
            since, until: only rows whose start_date is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_msme_campaigns``.
        """
        return self._run.page(
            MSME_CAMPAIGNS,
            MSME_CAMPAIGNS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "status": status,
                    "campaign_type": campaign_type,
                    "is_running": is_running,
                    "is_over_budget": is_over_budget,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_campaigns(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        status: str | None = None,
        campaign_type: str | None = None,
        is_running: bool | None = None,
        is_over_budget: bool | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> Iterator[rows.MsmeCampaigns]:
        """As `Msme.campaigns`, row after row from a cursor of the server's."""
        return self._run.stream(
            MSME_CAMPAIGNS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "status": status,
                    "campaign_type": campaign_type,
                    "is_running": is_running,
                    "is_over_budget": is_over_budget,
                },
                since=since,
                until=until,
            )
        )

    def setup_templates(
        self,
        *,
        id: int | None = None,
        business_type: str | None = None,
        is_active: bool | None = None,
        name: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.MsmeSetupTemplates]:
        """Templates for the set-up by line of business, withdrawn ones too. Read by business_type, name, id.

        Parameters:
            id, business_type, is_active, name: only rows with this value; they combine.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_msme_setup_templates``.
        """
        return self._run.page(
            MSME_SETUP_TEMPLATES,
            MSME_SETUP_TEMPLATES.of_view(
                self._run.schema,
                {"id": id, "business_type": business_type, "is_active": is_active, "name": name},
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_setup_templates(
        self,
        *,
        id: int | None = None,
        business_type: str | None = None,
        is_active: bool | None = None,
        name: str | None = None,
    ) -> Iterator[rows.MsmeSetupTemplates]:
        """As `Msme.setup_templates`, row after row from a cursor of the server's."""
        return self._run.stream(
            MSME_SETUP_TEMPLATES.of_view(
                self._run.schema, {"id": id, "business_type": business_type, "is_active": is_active, "name": name}
            )
        )

    def analytics_series(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        metric_name: str | None = None,
        period: str | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.MsmeAnalyticsSeries]:
        """Measurements over time, meant to be read for one solution and oldest first: date, id. Two of one day are
        both there.

        Parameters:
            id, solution_name: only rows with this value; they combine.
            metric_name, period: the same, asked for with solution_name.
            since, until: only rows whose date is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_msme_analytics_series``.
        """
        return self._run.page(
            MSME_ANALYTICS_SERIES,
            MSME_ANALYTICS_SERIES.of_view(
                self._run.schema,
                {"id": id, "solution_name": solution_name, "metric_name": metric_name, "period": period},
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_analytics_series(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        metric_name: str | None = None,
        period: str | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> Iterator[rows.MsmeAnalyticsSeries]:
        """As `Msme.analytics_series`, row after row from a cursor of the server's."""
        return self._run.stream(
            MSME_ANALYTICS_SERIES.of_view(
                self._run.schema,
                {"id": id, "solution_name": solution_name, "metric_name": metric_name, "period": period},
                since=since,
                until=until,
            )
        )

    def analytics_summary(
        self, solution_name: str, *, since: date | None = None, until: date | None = None
    ) -> Page[rows.MsmeAnalyticsSummary]:
        """What a solution's measurements from since to before until (all unless given) come to, for each metric
        and period: the latest value (of two on one day the one added last), the one before it and the change
        between them, also in percent of the one before (empty when that is 0 or missing), the smallest,
        largest, average and sum. A metric without measurements in that time has no row.

        Reads ``fbs_msme_analytics_summary``.
        """
        return self._run.page(
            MSME_ANALYTICS_SUMMARY,
            MSME_ANALYTICS_SUMMARY.of_function(self._run.schema, solution_name=solution_name, since=since, until=until),
            None,
        )

    def dashboard(
        self, *, solution_name: str | None = None, after: str | None = None, limit: int = 50
    ) -> Page[rows.MsmeDashboard]:
        """One row for each solution that has a set-up, a key figure, a duty or a campaign: how it stands in all of
        them. Counts of what it has none of are 0.

        Parameters:
            solution_name: only rows with this value; they combine.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_msme_dashboard``.
        """
        return self._run.page(
            MSME_DASHBOARD,
            MSME_DASHBOARD.of_view(self._run.schema, {"solution_name": solution_name}, after=after, limit=limit),
            limit,
        )

    def stream_dashboard(self, *, solution_name: str | None = None) -> Iterator[rows.MsmeDashboard]:
        """As `Msme.dashboard`, row after row from a cursor of the server's."""
        return self._run.stream(MSME_DASHBOARD.of_view(self._run.schema, {"solution_name": solution_name}))


class Workflow:
    """Workflows: as they are defined, as they run, and where they wait."""

    def __init__(self, run: Runner) -> None:
        self._run = run

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
    ) -> Page[rows.WorkflowCatalog]:
        """Workflows as they are laid out, with how many steps and transitions each has. Read by workflow_type,
        name, id.

        Parameters:
            id, solution_name, workflow_type, is_active, is_template, name, version, created_by_id: only rows
                with this value; they combine.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_workflow_catalog``.
        """
        return self._run.page(
            WORKFLOW_CATALOG,
            WORKFLOW_CATALOG.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "workflow_type": workflow_type,
                    "is_active": is_active,
                    "is_template": is_template,
                    "name": name,
                    "version": version,
                    "created_by_id": created_by_id,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_catalog(
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
    ) -> Iterator[rows.WorkflowCatalog]:
        """As `Workflow.catalog`, row after row from a cursor of the server's."""
        return self._run.stream(
            WORKFLOW_CATALOG.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "workflow_type": workflow_type,
                    "is_active": is_active,
                    "is_template": is_template,
                    "name": name,
                    "version": version,
                    "created_by_id": created_by_id,
                },
            )
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
    ) -> Page[rows.WorkflowRuns]:
        """Runs of workflows: state, present step, progress and age of each. Read newest first: started_at desc, id
        desc.

        Parameters:
            id, workflow_definition_id, solution_name, business_id, status, current_user_id, current_step_id:
                only rows with this value; they combine.
            model_name: the same, asked for with record_id.
            record_id: the same, asked for with model_name.
            since, until: only rows whose started_at is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_workflow_runs``.
        """
        return self._run.page(
            WORKFLOW_RUNS,
            WORKFLOW_RUNS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "workflow_definition_id": workflow_definition_id,
                    "solution_name": solution_name,
                    "business_id": business_id,
                    "status": status,
                    "current_user_id": current_user_id,
                    "current_step_id": current_step_id,
                    "model_name": model_name,
                    "record_id": record_id,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_runs(
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
    ) -> Iterator[rows.WorkflowRuns]:
        """As `Workflow.runs`, row after row from a cursor of the server's."""
        return self._run.stream(
            WORKFLOW_RUNS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "workflow_definition_id": workflow_definition_id,
                    "solution_name": solution_name,
                    "business_id": business_id,
                    "status": status,
                    "current_user_id": current_user_id,
                    "current_step_id": current_step_id,
                    "model_name": model_name,
                    "record_id": record_id,
                },
                since=since,
                until=until,
            )
        )

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
    ) -> Page[rows.WorkflowActiveRuns]:
        """Runs that are active (drafts, paused and ended ones are not), meant to be read for the user whose turn
        it is and oldest first: started_at, id.

        Parameters:
            id, current_user_id, workflow_definition_id, solution_name, business_id, assigned_role: only rows
                with this value; they combine.
            since, until: only rows whose started_at is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_workflow_active_runs``.
        """
        return self._run.page(
            WORKFLOW_ACTIVE_RUNS,
            WORKFLOW_ACTIVE_RUNS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "current_user_id": current_user_id,
                    "workflow_definition_id": workflow_definition_id,
                    "solution_name": solution_name,
                    "business_id": business_id,
                    "assigned_role": assigned_role,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_active_runs(
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
    ) -> Iterator[rows.WorkflowActiveRuns]:
        """As `Workflow.active_runs`, row after row from a cursor of the server's."""
        return self._run.stream(
            WORKFLOW_ACTIVE_RUNS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "current_user_id": current_user_id,
                    "workflow_definition_id": workflow_definition_id,
                    "solution_name": solution_name,
                    "business_id": business_id,
                    "assigned_role": assigned_role,
                },
                since=since,
                until=until,
            )
        )

    def graphs(self, *, workflow_definition_id: int) -> rows.WorkflowGraphs | None:
        """Each workflow as a graph: its steps are the nodes, its transitions the edges. Ask for it by
        workflow_definition_id.

        Parameters:
            workflow_definition_id: of the row.

        Reads ``fbs_workflow_graphs``.
        """
        return self._run.one(
            WORKFLOW_GRAPHS.of_view(self._run.schema, {"workflow_definition_id": workflow_definition_id})
        )

    def open_transitions(
        self, *, workflow_instance_id: int | None = None, after: str | None = None, limit: int = 50
    ) -> Page[rows.WorkflowOpenTransitions]:
        """Ways on from where each active run stands; whether their conditions hold is for the application to
        judge. None for a run that is not active, or is at its last step or at none. Read for one
        workflow_instance_id; the default way is taken when no other applies.

        Parameters:
            workflow_instance_id: only rows with this value; they combine.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_workflow_open_transitions``.
        """
        return self._run.page(
            WORKFLOW_OPEN_TRANSITIONS,
            WORKFLOW_OPEN_TRANSITIONS.of_view(
                self._run.schema, {"workflow_instance_id": workflow_instance_id}, after=after, limit=limit
            ),
            limit,
        )

    def stream_open_transitions(
        self, *, workflow_instance_id: int | None = None
    ) -> Iterator[rows.WorkflowOpenTransitions]:
        """As `Workflow.open_transitions`, row after row from a cursor of the server's."""
        return self._run.stream(
            WORKFLOW_OPEN_TRANSITIONS.of_view(self._run.schema, {"workflow_instance_id": workflow_instance_id})
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
    ) -> Page[rows.WorkflowLog]:
        """What happened in the runs of workflows, and in which run. Read newest first: timestamp desc, id desc.

        Parameters:
            id, workflow_instance_id, action, executed_by_id: only rows with this value; they combine.
            since, until: only rows whose timestamp is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_workflow_log``.
        """
        return self._run.page(
            WORKFLOW_LOG,
            WORKFLOW_LOG.of_view(
                self._run.schema,
                {
                    "id": id,
                    "workflow_instance_id": workflow_instance_id,
                    "action": action,
                    "executed_by_id": executed_by_id,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_log(
        self,
        *,
        id: int | None = None,
        workflow_instance_id: int | None = None,
        action: str | None = None,
        executed_by_id: UserKey | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[rows.WorkflowLog]:
        """As `Workflow.log`, row after row from a cursor of the server's."""
        return self._run.stream(
            WORKFLOW_LOG.of_view(
                self._run.schema,
                {
                    "id": id,
                    "workflow_instance_id": workflow_instance_id,
                    "action": action,
                    "executed_by_id": executed_by_id,
                },
                since=since,
                until=until,
            )
        )

    def analytics(
        self,
        *,
        workflow_definition_id: int | None = None,
        solution_name: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.WorkflowAnalytics]:
        """Runs of each workflow in each solution: how many in each state and how long the completed ones took. A
        workflow never run has no row.

        Parameters:
            workflow_definition_id, solution_name: only rows with this value; they combine.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_workflow_analytics``.
        """
        return self._run.page(
            WORKFLOW_ANALYTICS,
            WORKFLOW_ANALYTICS.of_view(
                self._run.schema,
                {"workflow_definition_id": workflow_definition_id, "solution_name": solution_name},
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_analytics(
        self, *, workflow_definition_id: int | None = None, solution_name: str | None = None
    ) -> Iterator[rows.WorkflowAnalytics]:
        """As `Workflow.analytics`, row after row from a cursor of the server's."""
        return self._run.stream(
            WORKFLOW_ANALYTICS.of_view(
                self._run.schema, {"workflow_definition_id": workflow_definition_id, "solution_name": solution_name}
            )
        )

    def waiting(
        self,
        *,
        workflow_definition_id: int | None = None,
        solution_name: str | None = None,
        current_step_id: int | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.WorkflowWaiting]:
        """Where active and paused runs wait: how many at each step, and for how long. A run waits since the last
        entry in its log, or since it started where it has none.

        Parameters:
            workflow_definition_id, solution_name, current_step_id: only rows with this value; they combine.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_workflow_waiting``.
        """
        return self._run.page(
            WORKFLOW_WAITING,
            WORKFLOW_WAITING.of_view(
                self._run.schema,
                {
                    "workflow_definition_id": workflow_definition_id,
                    "solution_name": solution_name,
                    "current_step_id": current_step_id,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_waiting(
        self,
        *,
        workflow_definition_id: int | None = None,
        solution_name: str | None = None,
        current_step_id: int | None = None,
    ) -> Iterator[rows.WorkflowWaiting]:
        """As `Workflow.waiting`, row after row from a cursor of the server's."""
        return self._run.stream(
            WORKFLOW_WAITING.of_view(
                self._run.schema,
                {
                    "workflow_definition_id": workflow_definition_id,
                    "solution_name": solution_name,
                    "current_step_id": current_step_id,
                },
            )
        )


class Bi:
    """Dashboards, reports, indicators and charts."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def dashboards(
        self,
        *,
        id: int | None = None,
        dashboard_type: str | None = None,
        is_public: bool | None = None,
        is_active: bool | None = None,
        created_by_id: UserKey | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.BiDashboards]:
        """Dashboards, retired ones too. Read by dashboard_type, name, id.

        Parameters:
            id, dashboard_type, is_public, is_active, created_by_id: only rows with this value; they combine.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_bi_dashboards``.
        """
        return self._run.page(
            BI_DASHBOARDS,
            BI_DASHBOARDS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "dashboard_type": dashboard_type,
                    "is_public": is_public,
                    "is_active": is_active,
                    "created_by_id": created_by_id,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_dashboards(
        self,
        *,
        id: int | None = None,
        dashboard_type: str | None = None,
        is_public: bool | None = None,
        is_active: bool | None = None,
        created_by_id: UserKey | None = None,
    ) -> Iterator[rows.BiDashboards]:
        """As `Bi.dashboards`, row after row from a cursor of the server's."""
        return self._run.stream(
            BI_DASHBOARDS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "dashboard_type": dashboard_type,
                    "is_public": is_public,
                    "is_active": is_active,
                    "created_by_id": created_by_id,
                },
            )
        )

    def visible_dashboards(self, user_id: UserKey) -> Page[rows.BiVisibleDashboards]:
        """Dashboards in use that a user may see: the public ones and the user's own.

        Reads ``fbs_bi_visible_dashboards``.
        """
        return self._run.page(
            BI_VISIBLE_DASHBOARDS, BI_VISIBLE_DASHBOARDS.of_function(self._run.schema, user_id=user_id), None
        )

    def reports(
        self,
        *,
        id: int | None = None,
        report_type: str | None = None,
        is_scheduled: bool | None = None,
        is_active: bool | None = None,
        output_format: str | None = None,
        created_by_id: UserKey | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.BiReports]:
        """Report definitions, retired ones too. Read by report_type, name, id.

        Parameters:
            id, report_type, is_scheduled, is_active, output_format, created_by_id: only rows with this value;
                they combine.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_bi_reports``.
        """
        return self._run.page(
            BI_REPORTS,
            BI_REPORTS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "report_type": report_type,
                    "is_scheduled": is_scheduled,
                    "is_active": is_active,
                    "output_format": output_format,
                    "created_by_id": created_by_id,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_reports(
        self,
        *,
        id: int | None = None,
        report_type: str | None = None,
        is_scheduled: bool | None = None,
        is_active: bool | None = None,
        output_format: str | None = None,
        created_by_id: UserKey | None = None,
    ) -> Iterator[rows.BiReports]:
        """As `Bi.reports`, row after row from a cursor of the server's."""
        return self._run.stream(
            BI_REPORTS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "report_type": report_type,
                    "is_scheduled": is_scheduled,
                    "is_active": is_active,
                    "output_format": output_format,
                    "created_by_id": created_by_id,
                },
            )
        )

    def kpis(
        self,
        *,
        id: int | None = None,
        kpi_type: str | None = None,
        frequency: str | None = None,
        is_active: bool | None = None,
        created_by_id: UserKey | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.BiKpis]:
        """Key figures with target and alarm levels, retired ones too. Read by kpi_type, name, id. Where a measured
        value stands: fbs_bi_kpi_state.

        Parameters:
            id, kpi_type, frequency, is_active, created_by_id: only rows with this value; they combine.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_bi_kpis``.
        """
        return self._run.page(
            BI_KPIS,
            BI_KPIS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "kpi_type": kpi_type,
                    "frequency": frequency,
                    "is_active": is_active,
                    "created_by_id": created_by_id,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_kpis(
        self,
        *,
        id: int | None = None,
        kpi_type: str | None = None,
        frequency: str | None = None,
        is_active: bool | None = None,
        created_by_id: UserKey | None = None,
    ) -> Iterator[rows.BiKpis]:
        """As `Bi.kpis`, row after row from a cursor of the server's."""
        return self._run.stream(
            BI_KPIS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "kpi_type": kpi_type,
                    "frequency": frequency,
                    "is_active": is_active,
                    "created_by_id": created_by_id,
                },
            )
        )

    def kpi_state(self, kpi_id: int, measured_value: Decimal) -> rows.BiKpiState | None:
        """Where a measured value of a key figure stands: ok, warning or critical (at a level it counts as
        reached), or unknown without a value or where the levels do not tell on which side the alarm is. One
        row; none where there is no such key figure.

        Reads ``fbs_bi_kpi_state``.
        """
        return self._run.one(BI_KPI_STATE.of_function(self._run.schema, kpi_id=kpi_id, measured_value=measured_value))

    def charts(
        self,
        *,
        id: int | None = None,
        chart_type: str | None = None,
        is_active: bool | None = None,
        created_by_id: UserKey | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.BiCharts]:
        """Charts, retired ones too. Read by chart_type, name, id.

        Parameters:
            id, chart_type, is_active, created_by_id: only rows with this value; they combine.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_bi_charts``.
        """
        return self._run.page(
            BI_CHARTS,
            BI_CHARTS.of_view(
                self._run.schema,
                {"id": id, "chart_type": chart_type, "is_active": is_active, "created_by_id": created_by_id},
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_charts(
        self,
        *,
        id: int | None = None,
        chart_type: str | None = None,
        is_active: bool | None = None,
        created_by_id: UserKey | None = None,
    ) -> Iterator[rows.BiCharts]:
        """As `Bi.charts`, row after row from a cursor of the server's."""
        return self._run.stream(
            BI_CHARTS.of_view(
                self._run.schema,
                {"id": id, "chart_type": chart_type, "is_active": is_active, "created_by_id": created_by_id},
            )
        )

    def schedules_due(
        self, *, since: datetime | None = None, zone: str | None = None, at: datetime | None = None
    ) -> Page[rows.BiSchedulesDue]:
        """Scheduled reports and key figures in use that are to be produced anew: those whose hour, day, week (from
        Monday), month, quarter or year in the time zone began after since, the last time they were produced,
        all of them without one. A report's frequency is the one in its query_parameters, daily where none is
        named; a frequency not known counts as daily, yearly is annually; real_time is always due.

        Reads ``fbs_bi_schedules_due``.
        """
        return self._run.page(
            BI_SCHEDULES_DUE, BI_SCHEDULES_DUE.of_function(self._run.schema, since=since, zone=zone, at=at), None
        )


class Compliance:
    """Rules to keep, traces left, and what recurs."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def rule_list(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        name: str | None = None,
        compliance_type: str | None = None,
        check_frequency: str | None = None,
        active: bool | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.ComplianceRuleList]:
        """Compliance rules of every solution, in force or suspended.

        Parameters:
            id, solution_name, name, compliance_type, check_frequency, active: only rows with this value; they
                combine.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_compliance_rule_list``.
        """
        return self._run.page(
            COMPLIANCE_RULE_LIST,
            COMPLIANCE_RULE_LIST.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "name": name,
                    "compliance_type": compliance_type,
                    "check_frequency": check_frequency,
                    "active": active,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_rule_list(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        name: str | None = None,
        compliance_type: str | None = None,
        check_frequency: str | None = None,
        active: bool | None = None,
    ) -> Iterator[rows.ComplianceRuleList]:
        """As `Compliance.rule_list`, row after row from a cursor of the server's."""
        return self._run.stream(
            COMPLIANCE_RULE_LIST.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "name": name,
                    "compliance_type": compliance_type,
                    "check_frequency": check_frequency,
                    "active": active,
                },
            )
        )

    def summary(
        self, *, solution_name: str | None = None, after: str | None = None, limit: int = 50
    ) -> Page[rows.ComplianceSummary]:
        """How many compliance rules each solution has. Whether a rule is kept is not recorded with it. A solution
        without rules has no row.

        Parameters:
            solution_name: only rows with this value; they combine.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_compliance_summary``.
        """
        return self._run.page(
            COMPLIANCE_SUMMARY,
            COMPLIANCE_SUMMARY.of_view(self._run.schema, {"solution_name": solution_name}, after=after, limit=limit),
            limit,
        )

    def stream_summary(self, *, solution_name: str | None = None) -> Iterator[rows.ComplianceSummary]:
        """As `Compliance.summary`, row after row from a cursor of the server's."""
        return self._run.stream(COMPLIANCE_SUMMARY.of_view(self._run.schema, {"solution_name": solution_name}))

    def audit_trail(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        user_id: str | None = None,
        record_type: str | None = None,
        record_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.ComplianceAuditTrail]:
        """Audit trail: of one record (record_type and record_id), of one user (user_id), of one period
        (timestamp), of one solution, or any of these together. Each of these is served by an index.

        Parameters:
            id, solution_name, user_id: only rows with this value; they combine.
            record_type: the same, asked for with record_id, or with solution_name.
            record_id: the same, asked for with record_type.
            since, until: only rows whose timestamp is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_compliance_audit_trail``.
        """
        return self._run.page(
            COMPLIANCE_AUDIT_TRAIL,
            COMPLIANCE_AUDIT_TRAIL.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "user_id": user_id,
                    "record_type": record_type,
                    "record_id": record_id,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_audit_trail(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        user_id: str | None = None,
        record_type: str | None = None,
        record_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[rows.ComplianceAuditTrail]:
        """As `Compliance.audit_trail`, row after row from a cursor of the server's."""
        return self._run.stream(
            COMPLIANCE_AUDIT_TRAIL.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "user_id": user_id,
                    "record_type": record_type,
                    "record_id": record_id,
                },
                since=since,
                until=until,
            )
        )

    def user_activity(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        user_id: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.ComplianceUserActivity]:
        """What users did: one user (user_id), one action of a solution, one period (timestamp), or any of these
        together. Each of these is served by an index.

        Parameters:
            id, solution_name, user_id: only rows with this value; they combine.
            action: the same, asked for with solution_name.
            since, until: only rows whose timestamp is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_compliance_user_activity``.
        """
        return self._run.page(
            COMPLIANCE_USER_ACTIVITY,
            COMPLIANCE_USER_ACTIVITY.of_view(
                self._run.schema,
                {"id": id, "solution_name": solution_name, "user_id": user_id, "action": action},
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_user_activity(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        user_id: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[rows.ComplianceUserActivity]:
        """As `Compliance.user_activity`, row after row from a cursor of the server's."""
        return self._run.stream(
            COMPLIANCE_USER_ACTIVITY.of_view(
                self._run.schema,
                {"id": id, "solution_name": solution_name, "user_id": user_id, "action": action},
                since=since,
                until=until,
            )
        )

    def report_schedules(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        name: str | None = None,
        report_type: str | None = None,
        frequency: str | None = None,
        active: bool | None = None,
        is_overdue: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.ComplianceReportSchedules]:
        """Timetable of the reports that each solution produces by itself.

        Parameters:
            id, solution_name, name, report_type, frequency, active, is_overdue: only rows with this value; they
                combine.
            since, until: only rows whose next_run is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_compliance_report_schedules``.
        """
        return self._run.page(
            COMPLIANCE_REPORT_SCHEDULES,
            COMPLIANCE_REPORT_SCHEDULES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "name": name,
                    "report_type": report_type,
                    "frequency": frequency,
                    "active": active,
                    "is_overdue": is_overdue,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_report_schedules(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        name: str | None = None,
        report_type: str | None = None,
        frequency: str | None = None,
        active: bool | None = None,
        is_overdue: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[rows.ComplianceReportSchedules]:
        """As `Compliance.report_schedules`, row after row from a cursor of the server's."""
        return self._run.stream(
            COMPLIANCE_REPORT_SCHEDULES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "name": name,
                    "report_type": report_type,
                    "frequency": frequency,
                    "active": active,
                    "is_overdue": is_overdue,
                },
                since=since,
                until=until,
            )
        )

    def recurring_transactions(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        transaction_type: str | None = None,
        frequency: str | None = None,
        active: bool | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.ComplianceRecurringTransactions]:
        """Payments and receipts that come back at regular times, each with its next day.

        Parameters:
            id, solution_name: only rows with this value; they combine.
            transaction_type, frequency, active: the same, asked for with solution_name.
            since, until: only rows whose next_date is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_compliance_recurring_transactions``.
        """
        return self._run.page(
            COMPLIANCE_RECURRING_TRANSACTIONS,
            COMPLIANCE_RECURRING_TRANSACTIONS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "transaction_type": transaction_type,
                    "frequency": frequency,
                    "active": active,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_recurring_transactions(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        transaction_type: str | None = None,
        frequency: str | None = None,
        active: bool | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> Iterator[rows.ComplianceRecurringTransactions]:
        """As `Compliance.recurring_transactions`, row after row from a cursor of the server's."""
        return self._run.stream(
            COMPLIANCE_RECURRING_TRANSACTIONS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "transaction_type": transaction_type,
                    "frequency": frequency,
                    "active": active,
                },
                since=since,
                until=until,
            )
        )

    def recurring_dates(
        self, solution_name: str, *, since: date | None = None, until: date | None = None
    ) -> Page[rows.ComplianceRecurringDates]:
        """Every day from since (by default today) until until (by default 90 days later, at most a hundred years),
        both included, on which a solution's recurring transactions are to be booked; those that are paused or
        of an unknown frequency have none. The earliest first, by id where a day has several.

        Reads ``fbs_compliance_recurring_dates``.
        """
        return self._run.page(
            COMPLIANCE_RECURRING_DATES,
            COMPLIANCE_RECURRING_DATES.of_function(
                self._run.schema, solution_name=solution_name, since=since, until=until
            ),
            None,
        )


class Accounting:
    """Cash, income, ledgers, taxes, and how the business fares."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def cash_entries(
        self,
        *,
        id: int | None = None,
        business_id: str | None = None,
        entry_type: str | None = None,
        category: str | None = None,
        payment_method: str | None = None,
        vendor_customer: str | None = None,
        reference_number: str | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.AccountingCashEntries]:
        """Cash book of every business, each entry with what it does to the cash.

        Parameters:
            id, business_id: only rows with this value; they combine.
            entry_type, category, payment_method, vendor_customer, reference_number: the same, asked for with
                business_id.
            since, until: only rows whose entry_date is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_accounting_cash_entries``.
        """
        return self._run.page(
            ACCOUNTING_CASH_ENTRIES,
            ACCOUNTING_CASH_ENTRIES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "business_id": business_id,
                    "entry_type": entry_type,
                    "category": category,
                    "payment_method": payment_method,
                    "vendor_customer": vendor_customer,
                    "reference_number": reference_number,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_cash_entries(
        self,
        *,
        id: int | None = None,
        business_id: str | None = None,
        entry_type: str | None = None,
        category: str | None = None,
        payment_method: str | None = None,
        vendor_customer: str | None = None,
        reference_number: str | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> Iterator[rows.AccountingCashEntries]:
        """As `Accounting.cash_entries`, row after row from a cursor of the server's."""
        return self._run.stream(
            ACCOUNTING_CASH_ENTRIES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "business_id": business_id,
                    "entry_type": entry_type,
                    "category": category,
                    "payment_method": payment_method,
                    "vendor_customer": vendor_customer,
                    "reference_number": reference_number,
                },
                since=since,
                until=until,
            )
        )

    def cash_ledger(
        self,
        business_id: str,
        *,
        since: date | None = None,
        until: date | None = None,
        after_date: date | None = None,
        after_id: int | None = None,
        carried: Decimal | None = None,
        page_size: int | None = None,
    ) -> Page[rows.AccountingCashLedger]:
        """Cash ledger of a business: its entries from since until until (both included; null: from the first, to
        the last), oldest first and by id within a day, each with the balance it leaves. The balance counts
        everything before since too. page_size rows at most; the next page is asked for with after_date,
        after_id and carried, the day, id and balance of the last row. Cost: the rows returned, and once a sum
        over all earlier entries of the business, unless carried says what it comes to.

        Reads ``fbs_accounting_cash_ledger``.
        """
        return self._run.page(
            ACCOUNTING_CASH_LEDGER,
            ACCOUNTING_CASH_LEDGER.of_function(
                self._run.schema,
                business_id=business_id,
                since=since,
                until=until,
                after_date=after_date,
                after_id=after_id,
                carried=carried,
                page_size=page_size,
            ),
            None,
        )

    def cash_position(self, business_id: str, *, on_date: date | None = None) -> rows.AccountingCashPosition:
        """Cash of a business at the end of a day (by default today): what came in, what went out, corrections, and
        the balance they make, in its own currency. uncounted_count is how many entries are of a kind that has
        no direction and so count as 0. Always one row; zeros, and no last_entry_date, where there are no
        entries. Cost: a sum over all entries of the business up to that day.

        Reads ``fbs_accounting_cash_position``.
        """
        return self._run.always(
            ACCOUNTING_CASH_POSITION.of_function(self._run.schema, business_id=business_id, on_date=on_date)
        )

    def cash_by_method(self, business_id: str, *, on_date: date | None = None) -> Page[rows.AccountingCashByMethod]:
        """Cash position of a business at the end of a day, by means of payment. A transfer does not tell from
        which means to which the money went, so it counts for none. Cost: a sum over all entries of the business
        up to that day.

        Reads ``fbs_accounting_cash_by_method``.
        """
        return self._run.page(
            ACCOUNTING_CASH_BY_METHOD,
            ACCOUNTING_CASH_BY_METHOD.of_function(self._run.schema, business_id=business_id, on_date=on_date),
            None,
        )

    def transactions(
        self,
        *,
        id: int | None = None,
        business_id: str | None = None,
        transaction_type: str | None = None,
        category: str | None = None,
        payment_status: str | None = None,
        vendor_customer: str | None = None,
        invoice_number: str | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.AccountingTransactions]:
        """Income and expenses of every business, one by one.

        Parameters:
            id, business_id: only rows with this value; they combine.
            transaction_type, category, payment_status, vendor_customer, invoice_number: the same, asked for
                with business_id.
            since, until: only rows whose transaction_date is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_accounting_transactions``.
        """
        return self._run.page(
            ACCOUNTING_TRANSACTIONS,
            ACCOUNTING_TRANSACTIONS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "business_id": business_id,
                    "transaction_type": transaction_type,
                    "category": category,
                    "payment_status": payment_status,
                    "vendor_customer": vendor_customer,
                    "invoice_number": invoice_number,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_transactions(
        self,
        *,
        id: int | None = None,
        business_id: str | None = None,
        transaction_type: str | None = None,
        category: str | None = None,
        payment_status: str | None = None,
        vendor_customer: str | None = None,
        invoice_number: str | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> Iterator[rows.AccountingTransactions]:
        """As `Accounting.transactions`, row after row from a cursor of the server's."""
        return self._run.stream(
            ACCOUNTING_TRANSACTIONS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "business_id": business_id,
                    "transaction_type": transaction_type,
                    "category": category,
                    "payment_status": payment_status,
                    "vendor_customer": vendor_customer,
                    "invoice_number": invoice_number,
                },
                since=since,
                until=until,
            )
        )

    def income_expense(
        self, business_id: str, *, since: date | None = None, until: date | None = None, period: str | None = None
    ) -> Page[rows.AccountingIncomeExpense]:
        """Income and expense of a business by period (day, week from Monday on, month, quarter or year of the
        calendar) and category, from since until until, both included; null for all before or after. Earned or
        incurred, whether paid or not; cancelled ones do not count. A first or last period that since or until
        cuts counts what lies within. A period without any has no row; period_end is its last day. Cost: the
        transactions of that time.

        Reads ``fbs_accounting_income_expense``.
        """
        return self._run.page(
            ACCOUNTING_INCOME_EXPENSE,
            ACCOUNTING_INCOME_EXPENSE.of_function(
                self._run.schema, business_id=business_id, since=since, until=until, period=period
            ),
            None,
        )

    def income_expense_summary(
        self, business_id: str, *, since: date | None = None, until: date | None = None
    ) -> rows.AccountingIncomeExpenseSummary:
        """Income, expenses and what is left of a business from since until until, both included; null for all
        before or after. Earned or incurred, whether paid or not; cancelled ones do not count.
        profit_margin_percent = 100 * net_income / total_income; null without income, below 0 for a loss. Always
        one row, of zeros where there is nothing. Cost: the transactions of that time.

        Reads ``fbs_accounting_income_expense_summary``.
        """
        return self._run.always(
            ACCOUNTING_INCOME_EXPENSE_SUMMARY.of_function(
                self._run.schema, business_id=business_id, since=since, until=until
            )
        )

    def ledger_lines(
        self,
        *,
        id: int | None = None,
        business_id: str | None = None,
        account: str | None = None,
        reference: str | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.AccountingLedgerLines]:
        """Ledger of every business, line by line.

        Parameters:
            id, business_id: only rows with this value; they combine.
            account, reference: the same, asked for with business_id.
            since, until: only rows whose entry_date is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_accounting_ledger_lines``.
        """
        return self._run.page(
            ACCOUNTING_LEDGER_LINES,
            ACCOUNTING_LEDGER_LINES.of_view(
                self._run.schema,
                {"id": id, "business_id": business_id, "account": account, "reference": reference},
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_ledger_lines(
        self,
        *,
        id: int | None = None,
        business_id: str | None = None,
        account: str | None = None,
        reference: str | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> Iterator[rows.AccountingLedgerLines]:
        """As `Accounting.ledger_lines`, row after row from a cursor of the server's."""
        return self._run.stream(
            ACCOUNTING_LEDGER_LINES.of_view(
                self._run.schema,
                {"id": id, "business_id": business_id, "account": account, "reference": reference},
                since=since,
                until=until,
            )
        )

    def account_ledger(
        self,
        business_id: str,
        account: str,
        *,
        since: date | None = None,
        until: date | None = None,
        after_date: date | None = None,
        after_id: int | None = None,
        carried: Decimal | None = None,
        page_size: int | None = None,
    ) -> Page[rows.AccountingAccountLedger]:
        """Lines of one account of a business from since until until (both included; null: from the first, to the
        last), oldest first and by id within a day, each with the balance worked out from all lines up to it,
        and the balance recorded with it. page_size rows at most; the next page is asked for with after_date,
        after_id and carried, the day, id and balance of the last row. Cost: the rows returned, and once a sum
        over all earlier lines of the account, unless carried says what it comes to.

        Reads ``fbs_accounting_account_ledger``.
        """
        return self._run.page(
            ACCOUNTING_ACCOUNT_LEDGER,
            ACCOUNTING_ACCOUNT_LEDGER.of_function(
                self._run.schema,
                business_id=business_id,
                account=account,
                since=since,
                until=until,
                after_date=after_date,
                after_id=after_id,
                carried=carried,
                page_size=page_size,
            ),
            None,
        )

    def account_balances(
        self,
        *,
        business_id: str | None = None,
        account: str | None = None,
        account_type: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.AccountingAccountBalances]:
        """Balance of every account, over all its lines, later days included; fbs_accounting_trial_balance gives it
        at a day. An account without lines has no row, one booked under two classes has two. Cost: a sum over
        the lines of the business asked for.

        Parameters:
            business_id: only rows with this value; they combine.
            account, account_type: the same, asked for with business_id.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_accounting_account_balances``.
        """
        return self._run.page(
            ACCOUNTING_ACCOUNT_BALANCES,
            ACCOUNTING_ACCOUNT_BALANCES.of_view(
                self._run.schema,
                {"business_id": business_id, "account": account, "account_type": account_type},
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_account_balances(
        self, *, business_id: str | None = None, account: str | None = None, account_type: str | None = None
    ) -> Iterator[rows.AccountingAccountBalances]:
        """As `Accounting.account_balances`, row after row from a cursor of the server's."""
        return self._run.stream(
            ACCOUNTING_ACCOUNT_BALANCES.of_view(
                self._run.schema, {"business_id": business_id, "account": account, "account_type": account_type}
            )
        )

    def trial_balance(self, business_id: str, *, on_date: date | None = None) -> Page[rows.AccountingTrialBalance]:
        """Trial balance of a business at the end of a day (by default today): each account's debits and credits up
        to it, and what one side exceeds the other by, in the column of that side (0 in the other). In books
        that are right both columns add up to the same. An account without lines has no row. Cost: a sum over
        all lines of the business up to that day.

        Reads ``fbs_accounting_trial_balance``.
        """
        return self._run.page(
            ACCOUNTING_TRIAL_BALANCE,
            ACCOUNTING_TRIAL_BALANCE.of_function(self._run.schema, business_id=business_id, on_date=on_date),
            None,
        )

    def open_items(
        self, business_id: str, *, of_type: str | None = None, on_date: date | None = None
    ) -> Page[rows.AccountingOpenItems]:
        """Income and expenses of a business (of_type: income, expense, or null for both) that were not paid at the
        end of a day (by default today): booked by then, not cancelled since, and unpaid still or paid later.
        The oldest first. days_overdue counts from the due date, from the day of the transaction where none is
        set: 0 on that day, below 0 before it. age is one of: not due, 0-30, 31-60, 61-90, over 90. What is paid
        in part counts in full, as the part is not recorded. Cost: the unpaid items of the business, and those
        paid after that day.

        Reads ``fbs_accounting_open_items``.
        """
        return self._run.page(
            ACCOUNTING_OPEN_ITEMS,
            ACCOUNTING_OPEN_ITEMS.of_function(
                self._run.schema, business_id=business_id, of_type=of_type, on_date=on_date
            ),
            None,
        )

    def receivables(self, business_id: str, *, on_date: date | None = None) -> Page[rows.AccountingReceivables]:
        """What customers owe a business at the end of a day (by default today), in its own currency, by customer
        and age: not yet due, or so many days past the due date, the day itself being 0. Greatest first. What
        counts as unpaid, and from when its age counts, is as in fbs_accounting_open_items. A customer who owes
        nothing has no row; a blank one stands for items without a name.

        Reads ``fbs_accounting_receivables``.
        """
        return self._run.page(
            ACCOUNTING_RECEIVABLES,
            ACCOUNTING_RECEIVABLES.of_function(self._run.schema, business_id=business_id, on_date=on_date),
            None,
        )

    def payables(self, business_id: str, *, on_date: date | None = None) -> Page[rows.AccountingPayables]:
        """What a business owes its suppliers at the end of a day (by default today), in its own currency, by
        supplier and age: not yet due, or so many days past the due date, the day itself being 0. Greatest
        first. What counts as unpaid, and from when its age counts, is as in fbs_accounting_open_items. A
        supplier who is owed nothing has no row; a blank one stands for items without a name.

        Reads ``fbs_accounting_payables``.
        """
        return self._run.page(
            ACCOUNTING_PAYABLES,
            ACCOUNTING_PAYABLES.of_function(self._run.schema, business_id=business_id, on_date=on_date),
            None,
        )

    def taxes(
        self,
        *,
        id: int | None = None,
        business_id: str | None = None,
        payment_status: str | None = None,
        tax_type: str | None = None,
        is_overdue: bool | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.AccountingTaxes]:
        """Tax of every business by period: what it comes to, what is paid of it and what is not.

        Parameters:
            id, business_id, payment_status, tax_type: only rows with this value; they combine.
            is_overdue: the same, asked for with business_id.
            since, until: only rows whose tax_period_end is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_accounting_taxes``.
        """
        return self._run.page(
            ACCOUNTING_TAXES,
            ACCOUNTING_TAXES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "business_id": business_id,
                    "payment_status": payment_status,
                    "tax_type": tax_type,
                    "is_overdue": is_overdue,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_taxes(
        self,
        *,
        id: int | None = None,
        business_id: str | None = None,
        payment_status: str | None = None,
        tax_type: str | None = None,
        is_overdue: bool | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> Iterator[rows.AccountingTaxes]:
        """As `Accounting.taxes`, row after row from a cursor of the server's."""
        return self._run.stream(
            ACCOUNTING_TAXES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "business_id": business_id,
                    "payment_status": payment_status,
                    "tax_type": tax_type,
                    "is_overdue": is_overdue,
                },
                since=since,
                until=until,
            )
        )

    def tax_summary(
        self, business_id: str, *, since: date | None = None, until: date | None = None, on_date: date | None = None
    ) -> Page[rows.AccountingTaxSummary]:
        """Tax due and paid of a business, by kind of tax, for the periods that end from since until until, both
        included; null for all before or after. overdue_amount is what was due before on_date (by default
        today), next_due_date the next day on or after it on which something is to be paid, null where nothing
        is. Payments are as recorded now. A tax without periods has no row. Cost: the tax calculations of the
        business.

        Reads ``fbs_accounting_tax_summary``.
        """
        return self._run.page(
            ACCOUNTING_TAX_SUMMARY,
            ACCOUNTING_TAX_SUMMARY.of_function(
                self._run.schema, business_id=business_id, since=since, until=until, on_date=on_date
            ),
            None,
        )

    def health(
        self, business_id: str, *, months: int | None = None, on_date: date | None = None
    ) -> rows.AccountingHealth:
        """How a business fares, over the months (by default 3, at least 1) that end with a day (by default today);
        always one row, of zeros and nulls where there is nothing. Amounts are in its own currency. since:
        on_date less so many months, plus a day. until: on_date. net_income = total_income - total_expenses, as
        in fbs_accounting_income_expense_summary. profit_margin_percent = 100 * net_income / total_income;
        expense_ratio_percent = 100 * total_expenses / total_income; both null without income. health_score =
        profit_margin_percent + (100 - expense_ratio_percent), before these are rounded, held between 0 and 100;
        null without income. cash_in, cash_out: what raised and lowered the cash in that time, as in
        fbs_accounting_cash_entries. monthly_burn_amount = (cash_out - cash_in) / months; below 0 where cash
        grew. cash_balance: as in fbs_accounting_cash_position, on on_date. runway_days = cash_balance /
        ((cash_out - cash_in) / days from since until until), rounded down: how long the cash lasts if it goes
        on so; 0 without cash, null where it does not shrink, 36525 (a hundred years) at most.
        receivable_amount, payable_amount: as in fbs_accounting_open_items; overdue ones are past their day.
        tax_outstanding_amount: unpaid tax of the periods that ended by on_date. liquidity_percent = 100 *
        (cash_balance + receivable_amount) / (payable_amount + tax_outstanding_amount); null where nothing is
        owed. Cost: a sum over all cash entries of the business, its unpaid items, and the transactions of that
        time.

        Reads ``fbs_accounting_health``.
        """
        return self._run.always(
            ACCOUNTING_HEALTH.of_function(self._run.schema, business_id=business_id, months=months, on_date=on_date)
        )


class Discovery:
    """What was found in Odoo: models, fields and modules."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def models(
        self,
        *,
        id: int | None = None,
        database_name: str | None = None,
        model_name: str | None = None,
        module_name: str | None = None,
        model_type: str | None = None,
        is_active: bool | None = None,
        is_installed: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.DiscoveryModels]:
        """Kinds of record (models) found in each Odoo database.

        Parameters:
            id, database_name, model_name, module_name, model_type, is_active, is_installed: only rows with this
                value; they combine.
            since, until: only rows whose last_verified is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_discovery_models``.
        """
        return self._run.page(
            DISCOVERY_MODELS,
            DISCOVERY_MODELS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "database_name": database_name,
                    "model_name": model_name,
                    "module_name": module_name,
                    "model_type": model_type,
                    "is_active": is_active,
                    "is_installed": is_installed,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_models(
        self,
        *,
        id: int | None = None,
        database_name: str | None = None,
        model_name: str | None = None,
        module_name: str | None = None,
        model_type: str | None = None,
        is_active: bool | None = None,
        is_installed: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[rows.DiscoveryModels]:
        """As `Discovery.models`, row after row from a cursor of the server's."""
        return self._run.stream(
            DISCOVERY_MODELS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "database_name": database_name,
                    "model_name": model_name,
                    "module_name": module_name,
                    "model_type": model_type,
                    "is_active": is_active,
                    "is_installed": is_installed,
                },
                since=since,
                until=until,
            )
        )

    def fields(
        self,
        *,
        id: int | None = None,
        odoo_model_id: int | None = None,
        database_name: str | None = None,
        model_name: str | None = None,
        field_name: str | None = None,
        field_type: str | None = None,
        relation_model: str | None = None,
        required: bool | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.DiscoveryFields]:
        """Fields found on the kinds of record of each Odoo database.

        Parameters:
            id, odoo_model_id, database_name, model_name, field_name, field_type, relation_model, required: only
                rows with this value; they combine.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_discovery_fields``.
        """
        return self._run.page(
            DISCOVERY_FIELDS,
            DISCOVERY_FIELDS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "odoo_model_id": odoo_model_id,
                    "database_name": database_name,
                    "model_name": model_name,
                    "field_name": field_name,
                    "field_type": field_type,
                    "relation_model": relation_model,
                    "required": required,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_fields(
        self,
        *,
        id: int | None = None,
        odoo_model_id: int | None = None,
        database_name: str | None = None,
        model_name: str | None = None,
        field_name: str | None = None,
        field_type: str | None = None,
        relation_model: str | None = None,
        required: bool | None = None,
    ) -> Iterator[rows.DiscoveryFields]:
        """As `Discovery.fields`, row after row from a cursor of the server's."""
        return self._run.stream(
            DISCOVERY_FIELDS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "odoo_model_id": odoo_model_id,
                    "database_name": database_name,
                    "model_name": model_name,
                    "field_name": field_name,
                    "field_type": field_type,
                    "relation_model": relation_model,
                    "required": required,
                },
            )
        )

    def modules(
        self,
        *,
        id: int | None = None,
        database_name: str | None = None,
        module_name: str | None = None,
        category: str | None = None,
        is_installed: bool | None = None,
        is_active: bool | None = None,
        application: bool | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.DiscoveryModules]:
        """Odoo modules (apps and add-ons) found in each Odoo database.

        Parameters:
            id, database_name, module_name, category, is_installed, is_active, application: only rows with this
                value; they combine.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_discovery_modules``.
        """
        return self._run.page(
            DISCOVERY_MODULES,
            DISCOVERY_MODULES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "database_name": database_name,
                    "module_name": module_name,
                    "category": category,
                    "is_installed": is_installed,
                    "is_active": is_active,
                    "application": application,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_modules(
        self,
        *,
        id: int | None = None,
        database_name: str | None = None,
        module_name: str | None = None,
        category: str | None = None,
        is_installed: bool | None = None,
        is_active: bool | None = None,
        application: bool | None = None,
    ) -> Iterator[rows.DiscoveryModules]:
        """As `Discovery.modules`, row after row from a cursor of the server's."""
        return self._run.stream(
            DISCOVERY_MODULES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "database_name": database_name,
                    "module_name": module_name,
                    "category": category,
                    "is_installed": is_installed,
                    "is_active": is_active,
                    "application": application,
                },
            )
        )

    def session_list(
        self,
        *,
        id: int | None = None,
        session_id: str | None = None,
        database_name: str | None = None,
        session_type: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.DiscoverySessionList]:
        """Searches in which FBS looked through an Odoo database, and what each found.

        Parameters:
            id, session_id, database_name, session_type, status: only rows with this value; they combine.
            since, until: only rows whose started_at is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_discovery_session_list``.
        """
        return self._run.page(
            DISCOVERY_SESSION_LIST,
            DISCOVERY_SESSION_LIST.of_view(
                self._run.schema,
                {
                    "id": id,
                    "session_id": session_id,
                    "database_name": database_name,
                    "session_type": session_type,
                    "status": status,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_session_list(
        self,
        *,
        id: int | None = None,
        session_id: str | None = None,
        database_name: str | None = None,
        session_type: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[rows.DiscoverySessionList]:
        """As `Discovery.session_list`, row after row from a cursor of the server's."""
        return self._run.stream(
            DISCOVERY_SESSION_LIST.of_view(
                self._run.schema,
                {
                    "id": id,
                    "session_id": session_id,
                    "database_name": database_name,
                    "session_type": session_type,
                    "status": status,
                },
                since=since,
                until=until,
            )
        )

    def schema(self, database_name: str, model_name: str) -> Page[rows.DiscoverySchema]:
        """Merged schema of a kind of record (model) in an Odoo database: each field once, by name. source is odoo
        for a field found there, custom for one that only FBS's custom fields have; where both have it, Odoo's
        description counts and has_custom_values says that there are custom values too. A custom field's type is
        that of its value changed last; values set aside do not count. No rows for a model of which neither
        knows a field. Where custom fields are kept in another database, Odoo's fields only. Cost: the model's
        fields and all its custom values.

        Reads ``fbs_discovery_schema``.
        """
        return self._run.page(
            DISCOVERY_SCHEMA,
            DISCOVERY_SCHEMA.of_function(self._run.schema, database_name=database_name, model_name=model_name),
            None,
        )


class CustomFields:
    """Fields that hosts add to records."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def values(
        self,
        *,
        id: int | None = None,
        model_name: str | None = None,
        record_id: int | None = None,
        field_name: str | None = None,
        database_name: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.CustomFieldsValues]:
        """Custom fields one by one, each with its value as JSON of its type; those set aside as well. Pages go by
        model_name, record_id, field_name, database_name.

        Parameters:
            id, model_name: only rows with this value; they combine.
            record_id: the same, asked for with model_name.
            field_name, database_name: the same, asked for with model_name and record_id.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_custom_fields_values``.
        """
        return self._run.page(
            CUSTOM_FIELDS_VALUES,
            CUSTOM_FIELDS_VALUES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "model_name": model_name,
                    "record_id": record_id,
                    "field_name": field_name,
                    "database_name": database_name,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_values(
        self,
        *,
        id: int | None = None,
        model_name: str | None = None,
        record_id: int | None = None,
        field_name: str | None = None,
        database_name: str | None = None,
    ) -> Iterator[rows.CustomFieldsValues]:
        """As `CustomFields.values`, row after row from a cursor of the server's."""
        return self._run.stream(
            CUSTOM_FIELDS_VALUES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "model_name": model_name,
                    "record_id": record_id,
                    "field_name": field_name,
                    "database_name": database_name,
                },
            )
        )

    def objects(
        self,
        *,
        model_name: str | None = None,
        record_id: int | None = None,
        database_name: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.CustomFieldsObjects]:
        """The custom fields of a record as one JSON object with values of their types, a row for each record and
        Odoo database. Fields set aside are left out; a record without any has no row.

        Parameters:
            model_name: only rows with this value; they combine.
            record_id: the same, asked for with model_name.
            database_name: the same, asked for with model_name and record_id.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_custom_fields_objects``.
        """
        return self._run.page(
            CUSTOM_FIELDS_OBJECTS,
            CUSTOM_FIELDS_OBJECTS.of_view(
                self._run.schema,
                {"model_name": model_name, "record_id": record_id, "database_name": database_name},
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_objects(
        self, *, model_name: str | None = None, record_id: int | None = None, database_name: str | None = None
    ) -> Iterator[rows.CustomFieldsObjects]:
        """As `CustomFields.objects`, row after row from a cursor of the server's."""
        return self._run.stream(
            CUSTOM_FIELDS_OBJECTS.of_view(
                self._run.schema, {"model_name": model_name, "record_id": record_id, "database_name": database_name}
            )
        )

    def records(
        self, model_name: str, record_ids: list[int], *, database_name: str | None = None
    ) -> Page[rows.CustomFieldsRecords]:
        """The custom fields of records of one model, each record's as one JSON object with values of their types;
        names of those whose value does not fit its type, and is given as text, are in misfits. A row for each
        record asked for, {} for one without fields; fields of one Odoo database, unless named of those that
        belong to none. Fields set aside are left out.

        Reads ``fbs_custom_fields_records``.
        """
        return self._run.page(
            CUSTOM_FIELDS_RECORDS,
            CUSTOM_FIELDS_RECORDS.of_function(
                self._run.schema, model_name=model_name, record_ids=record_ids, database_name=database_name
            ),
            None,
        )


class Documents:
    """Documents: found, described, waited for and counted."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def categories(
        self,
        *,
        id: int | None = None,
        parent_id: int | None = None,
        name: str | None = None,
        is_active: bool | None = None,
        depth: int | None = None,
        in_cycle: bool | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.DocumentsCategories]:
        """Tree of categories that documents are filed under, each with its way down from the top. Where categories
        lie above each other in a circle, each has its way down from the one that would come twice.

        Parameters:
            id, parent_id, name, is_active, depth, in_cycle: only rows with this value; they combine.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_documents_categories``.
        """
        return self._run.page(
            DOCUMENTS_CATEGORIES,
            DOCUMENTS_CATEGORIES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "parent_id": parent_id,
                    "name": name,
                    "is_active": is_active,
                    "depth": depth,
                    "in_cycle": in_cycle,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_categories(
        self,
        *,
        id: int | None = None,
        parent_id: int | None = None,
        name: str | None = None,
        is_active: bool | None = None,
        depth: int | None = None,
        in_cycle: bool | None = None,
    ) -> Iterator[rows.DocumentsCategories]:
        """As `Documents.categories`, row after row from a cursor of the server's."""
        return self._run.stream(
            DOCUMENTS_CATEGORIES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "parent_id": parent_id,
                    "name": name,
                    "is_active": is_active,
                    "depth": depth,
                    "in_cycle": in_cycle,
                },
            )
        )

    def overview(
        self,
        *,
        id: int | None = None,
        company_id: str | None = None,
        state: str | None = None,
        document_type_id: int | None = None,
        category_id: int | None = None,
        created_by_id: UserKey | None = None,
        approved_by_id: UserKey | None = None,
        solution_db: str | None = None,
        attachment_id: int | None = None,
        expiry_date: date | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.DocumentsOverview]:
        """Documents in short, for lists. fbs_documents_details has all that belongs to each.

        Parameters:
            id, company_id, state, document_type_id, category_id, created_by_id, approved_by_id, solution_db,
                attachment_id, expiry_date: only rows with this value; they combine.
            since, until: only rows whose created_at is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_documents_overview``.
        """
        return self._run.page(
            DOCUMENTS_OVERVIEW,
            DOCUMENTS_OVERVIEW.of_view(
                self._run.schema,
                {
                    "id": id,
                    "company_id": company_id,
                    "state": state,
                    "document_type_id": document_type_id,
                    "category_id": category_id,
                    "created_by_id": created_by_id,
                    "approved_by_id": approved_by_id,
                    "solution_db": solution_db,
                    "attachment_id": attachment_id,
                    "expiry_date": expiry_date,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_overview(
        self,
        *,
        id: int | None = None,
        company_id: str | None = None,
        state: str | None = None,
        document_type_id: int | None = None,
        category_id: int | None = None,
        created_by_id: UserKey | None = None,
        approved_by_id: UserKey | None = None,
        solution_db: str | None = None,
        attachment_id: int | None = None,
        expiry_date: date | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[rows.DocumentsOverview]:
        """As `Documents.overview`, row after row from a cursor of the server's."""
        return self._run.stream(
            DOCUMENTS_OVERVIEW.of_view(
                self._run.schema,
                {
                    "id": id,
                    "company_id": company_id,
                    "state": state,
                    "document_type_id": document_type_id,
                    "category_id": category_id,
                    "created_by_id": created_by_id,
                    "approved_by_id": approved_by_id,
                    "solution_db": solution_db,
                    "attachment_id": attachment_id,
                    "expiry_date": expiry_date,
                },
                since=since,
                until=until,
            )
        )

    def details(self, *, id: int) -> rows.DocumentsDetails | None:
        """Documents with all that belongs to each: type, category, tags, file, approval run and its steps. Made
        for one document by its id, or a page of them.

        Parameters:
            id: of the row.

        Reads ``fbs_documents_details``.
        """
        return self._run.one(DOCUMENTS_DETAILS.of_view(self._run.schema, {"id": id}))

    def pending_approvals(
        self,
        *,
        id: int | None = None,
        approver_id: UserKey | None = None,
        workflow_id: int | None = None,
        document_id: int | None = None,
        is_turn: bool | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.DocumentsPendingApprovals]:
        """Decisions on documents that users are still to take: the pending steps of approval runs that are not
        over.

        Parameters:
            id, approver_id, workflow_id, document_id: only rows with this value; they combine.
            is_turn: the same, asked for with approver_id.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_documents_pending_approvals``.
        """
        return self._run.page(
            DOCUMENTS_PENDING_APPROVALS,
            DOCUMENTS_PENDING_APPROVALS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "approver_id": approver_id,
                    "workflow_id": workflow_id,
                    "document_id": document_id,
                    "is_turn": is_turn,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_pending_approvals(
        self,
        *,
        id: int | None = None,
        approver_id: UserKey | None = None,
        workflow_id: int | None = None,
        document_id: int | None = None,
        is_turn: bool | None = None,
    ) -> Iterator[rows.DocumentsPendingApprovals]:
        """As `Documents.pending_approvals`, row after row from a cursor of the server's."""
        return self._run.stream(
            DOCUMENTS_PENDING_APPROVALS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "approver_id": approver_id,
                    "workflow_id": workflow_id,
                    "document_id": document_id,
                    "is_turn": is_turn,
                },
            )
        )

    def search(
        self,
        company_id: str,
        query: str,
        *,
        state: str | None = None,
        document_type_id: int | None = None,
        category_id: int | None = None,
        page_size: int | None = None,
        after_rank: float | None = None,
        after_id: int | None = None,
    ) -> Page[rows.DocumentsSearch]:
        """Documents of a company whose name, title, description or tags have every word of the query, each as the
        beginning of a word; those of a state, kind or category only where one is given. Any text will do as a
        query: punctuation parts words and means nothing else, its first 1,000 characters and 20 words count,
        and without any word nothing is found. Best match first: rank is the mean over the words of the query, a
        word in name or title counting 1, in a tag 0.4, in the description alone 0.1; the newest (greatest id)
        first among equals. Of more than 200 matches the 200 created last are ranked. The next page is asked for
        with after_rank and after_id, those of the last row. Cost: of words that many documents have, the newest
        documents of the company until 200 are found; of others, those of the company with the longest word, by
        index.

        Reads ``fbs_documents_search``.
        """
        return self._run.page(
            DOCUMENTS_SEARCH,
            DOCUMENTS_SEARCH.of_function(
                self._run.schema,
                company_id=company_id,
                query=query,
                state=state,
                document_type_id=document_type_id,
                category_id=category_id,
                page_size=page_size,
                after_rank=after_rank,
                after_id=after_id,
            ),
            None,
        )

    def by_metadata(
        self,
        company_id: str,
        metadata: Json,
        *,
        page_size: int | None = None,
        after_created_at: datetime | None = None,
        after_id: int | None = None,
    ) -> Page[rows.DocumentsByMetadata]:
        """Documents of a company that have all the given facts among their metadata, such as {"model_name":
        "tenants.tenant", "record_id": 7}; facts within lists and objects count, a number is not its text.
        Newest first; the next page is asked for with after_created_at and after_id, those of the last row. Null
        finds nothing; error FB040 for {} and [], which every document has. Cost: of facts that many documents
        have, the newest documents of the company until a page is full; of others, all documents, of whatever
        company, that have them, by index.

        Reads ``fbs_documents_by_metadata``.
        """
        return self._run.page(
            DOCUMENTS_BY_METADATA,
            DOCUMENTS_BY_METADATA.of_function(
                self._run.schema,
                company_id=company_id,
                metadata=metadata,
                page_size=page_size,
                after_created_at=after_created_at,
                after_id=after_id,
            ),
            None,
        )

    def expiring(
        self, company_id: str, *, within_days: int | None = None, on_date: date | None = None
    ) -> Page[rows.DocumentsExpiring]:
        """Documents of a company that are valid on a day (by default today) and cease to be within so many days
        (by default 30), the soonest first; archived ones are left out. days_left is 0 for one whose last valid
        day it is.

        Reads ``fbs_documents_expiring``.
        """
        return self._run.page(
            DOCUMENTS_EXPIRING,
            DOCUMENTS_EXPIRING.of_function(
                self._run.schema, company_id=company_id, within_days=within_days, on_date=on_date
            ),
            None,
        )

    def expired(
        self, company_id: str, *, since: date | None = None, page_size: int | None = None, on_date: date | None = None
    ) -> Page[rows.DocumentsExpired]:
        """Documents of a company whose last valid day is before a day (by default today) and not before since
        (null: at any time), the latest first; archived ones are left out. A document is still valid on its last
        day. page_size: so many at most.

        Reads ``fbs_documents_expired``.
        """
        return self._run.page(
            DOCUMENTS_EXPIRED,
            DOCUMENTS_EXPIRED.of_function(
                self._run.schema, company_id=company_id, since=since, page_size=page_size, on_date=on_date
            ),
            None,
        )

    def storage(self, company_id: str) -> rows.DocumentsStorage:
        """What the files of a company take: how many, bytes in all, the largest (null without files), those anyone
        may open, those that no document uses, and those whose content an earlier file has already (by
        checksum). Always one row. Cost: all files of the company.

        Reads ``fbs_documents_storage``.
        """
        return self._run.always(DOCUMENTS_STORAGE.of_function(self._run.schema, company_id=company_id))

    def storage_by_type(self, company_id: str) -> Page[rows.DocumentsStorageByType]:
        """What the files of a company take by format: how many, bytes, and their share of all its bytes in per
        cent (null where all are empty). The largest share first; no rows without files. Cost: all files of the
        company.

        Reads ``fbs_documents_storage_by_type``.
        """
        return self._run.page(
            DOCUMENTS_STORAGE_BY_TYPE,
            DOCUMENTS_STORAGE_BY_TYPE.of_function(self._run.schema, company_id=company_id),
            None,
        )

    def statistics(self, company_id: str, *, on_date: date | None = None) -> rows.DocumentsStatistics:
        """Documents of a company in numbers, on a day (by default today): how many in all, added in the 30 days
        before that day or on it, past their last valid day (archived ones left out), and without a file; by
        state and by type (objects of counts by name; a name without documents is not in it), and by category (a
        list of objects with path, id and count, by path). Always one row. Days are those of the session's time
        zone. Cost: all documents of the company.

        Reads ``fbs_documents_statistics``.
        """
        return self._run.always(
            DOCUMENTS_STATISTICS.of_function(self._run.schema, company_id=company_id, on_date=on_date)
        )


class Licensing:
    """What a solution's licence allows today."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def licenses(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        license_type: str | None = None,
        status: str | None = None,
        effective_status: str | None = None,
        source: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.LicensingLicenses]:
        """Licence of each solution and how it stands today. The licence key is left out, as it is a secret.

        Parameters:
            id, solution_name, license_type, status, effective_status, source: only rows with this value; they
                combine.
            since, until: only rows whose expiry_date is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_licensing_licenses``.
        """
        return self._run.page(
            LICENSING_LICENSES,
            LICENSING_LICENSES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "license_type": license_type,
                    "status": status,
                    "effective_status": effective_status,
                    "source": source,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_licenses(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        license_type: str | None = None,
        status: str | None = None,
        effective_status: str | None = None,
        source: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[rows.LicensingLicenses]:
        """As `Licensing.licenses`, row after row from a cursor of the server's."""
        return self._run.stream(
            LICENSING_LICENSES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "license_type": license_type,
                    "status": status,
                    "effective_status": effective_status,
                    "source": source,
                },
                since=since,
                until=until,
            )
        )

    def license(self, solution_name: str, *, on_date: date | None = None) -> rows.LicensingLicense | None:
        """Licence of a solution and how it stands on a day (by default today), as fbs_licensing_licenses gives it
        for today; without the licence key. No row for a solution without a licence.

        Reads ``fbs_licensing_license``.
        """
        return self._run.one(
            LICENSING_LICENSE.of_function(self._run.schema, solution_name=solution_name, on_date=on_date)
        )

    def feature(self, solution_name: str, feature_name: str, *, on_date: date | None = None) -> rows.LicensingFeature:
        """Whether a solution may use a feature once more on a day (by default today). Always one row. reason is
        allowed; or the first that holds of: no_license; the state of the licence where it is not active, such
        as expired; not_included where the licence does not list the feature; limit_reached. usage_limit is
        null, and with it usage_left, for no limit; a limit of 0 allows nothing. usage_left is never below 0.
        used_percent is over 100 where more was used than is allowed, null without a limit and for a limit of 0.

        Reads ``fbs_licensing_feature``.
        """
        return self._run.always(
            LICENSING_FEATURE.of_function(
                self._run.schema, solution_name=solution_name, feature_name=feature_name, on_date=on_date
            )
        )

    def features(self, solution_name: str, *, on_date: date | None = None) -> Page[rows.LicensingFeatures]:
        """Every feature that a solution's licence lists or limits, or that it has used, with the answers of
        fbs_licensing_feature for a day (by default today). What is only limited or used is not included, and so
        not allowed.

        Reads ``fbs_licensing_features``.
        """
        return self._run.page(
            LICENSING_FEATURES,
            LICENSING_FEATURES.of_function(self._run.schema, solution_name=solution_name, on_date=on_date),
            None,
        )

    def usage(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        feature_name: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.LicensingUsage]:
        """What each solution has used of each feature, beside the limit of its licence.

        Parameters:
            id, solution_name, feature_name: only rows with this value; they combine.
            since, until: only rows whose last_updated is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_licensing_usage``.
        """
        return self._run.page(
            LICENSING_USAGE,
            LICENSING_USAGE.of_view(
                self._run.schema,
                {"id": id, "solution_name": solution_name, "feature_name": feature_name},
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_usage(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        feature_name: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[rows.LicensingUsage]:
        """As `Licensing.usage`, row after row from a cursor of the server's."""
        return self._run.stream(
            LICENSING_USAGE.of_view(
                self._run.schema,
                {"id": id, "solution_name": solution_name, "feature_name": feature_name},
                since=since,
                until=until,
            )
        )


class Operations:
    """Requests, cache, handshakes, tokens and business rules."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def requests(
        self,
        *,
        id: int | None = None,
        user_id: UserKey | None = None,
        database_id: int | None = None,
        status_code: int | None = None,
        path: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.OperationsRequests]:
        """The log of calls without what was sent and answered, which may hold secrets. Read newest first:
        timestamp desc, id desc.

        Parameters:
            id, user_id, database_id, status_code, path: only rows with this value; they combine.
            since, until: only rows whose timestamp is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_operations_requests``.
        """
        return self._run.page(
            OPERATIONS_REQUESTS,
            OPERATIONS_REQUESTS.of_view(
                self._run.schema,
                {"id": id, "user_id": user_id, "database_id": database_id, "status_code": status_code, "path": path},
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_requests(
        self,
        *,
        id: int | None = None,
        user_id: UserKey | None = None,
        database_id: int | None = None,
        status_code: int | None = None,
        path: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[rows.OperationsRequests]:
        """As `Operations.requests`, row after row from a cursor of the server's."""
        return self._run.stream(
            OPERATIONS_REQUESTS.of_view(
                self._run.schema,
                {"id": id, "user_id": user_id, "database_id": database_id, "status_code": status_code, "path": path},
                since=since,
                until=until,
            )
        )

    def requests_by_path(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> Page[rows.OperationsRequestsByPath]:
        """Calls from since (a day ago unless given) to before until (no end unless given), for each method and
        path: how many, how many of them errors (HTTP code 400 and above) and their share, and the response time
        in milliseconds that 50, 95 and 99 percent of them stayed within (in between two calls it is
        interpolated). The most called first; paths nobody called have no row.

        Reads ``fbs_operations_requests_by_path``.
        """
        return self._run.page(
            OPERATIONS_REQUESTS_BY_PATH,
            OPERATIONS_REQUESTS_BY_PATH.of_function(self._run.schema, since=since, until=until),
            None,
        )

    def requests_by_status(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> Page[rows.OperationsRequestsByStatus]:
        """Calls from since (a day ago unless given) to before until (no end unless given), for each method, path
        and HTTP code of the answer: how many, how many of them errors (all or none: codes from 400 on), their
        share of the calls of that method and path, and response times as in fbs_operations_requests_by_path.

        Reads ``fbs_operations_requests_by_status``.
        """
        return self._run.page(
            OPERATIONS_REQUESTS_BY_STATUS,
            OPERATIONS_REQUESTS_BY_STATUS.of_function(self._run.schema, since=since, until=until),
            None,
        )

    def requests_over_time(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        bucket: timedelta | None = None,
        origin: datetime | None = None,
    ) -> Page[rows.OperationsRequestsOverTime]:
        """Calls from since (a day ago unless given) to before until (now unless given) in buckets of time: how
        many, how many of them errors (HTTP code 400 and above) and their share, and response times as in
        fbs_operations_requests_by_path. A bucket is an hour long unless given, any number of days at most (no
        months); one starts at origin, a midnight in UTC and Monday unless given, so days of another time zone
        take a midnight of that zone. Buckets without calls are there with 0 and no times; the first and last
        count only what lies between since and until. Both must be real times, not infinity.

        Reads ``fbs_operations_requests_over_time``.
        """
        return self._run.page(
            OPERATIONS_REQUESTS_OVER_TIME,
            OPERATIONS_REQUESTS_OVER_TIME.of_function(
                self._run.schema, since=since, until=until, bucket=bucket, origin=origin
            ),
            None,
        )

    def cached(self, key: str, *, at: datetime | None = None) -> Json | None:
        """The result kept in the cache under a key; empty where there is none or it has expired (at its very
        moment of expiry it has). A kept JSON null is returned as that.

        Reads ``fbs_operations_cached``.
        """
        value: Json | None = self._run.scalar(OPERATIONS_CACHED.of_function(self._run.schema, key=key, at=at))
        return value

    def cache(
        self, *, database_name: str | None = None, after: str | None = None, limit: int = 50
    ) -> Page[rows.OperationsCache]:
        """What the cache holds for each Odoo database. A database without entries has no row.

        Parameters:
            database_name: only rows with this value; they combine.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_operations_cache``.
        """
        return self._run.page(
            OPERATIONS_CACHE,
            OPERATIONS_CACHE.of_view(self._run.schema, {"database_name": database_name}, after=after, limit=limit),
            limit,
        )

    def stream_cache(self, *, database_name: str | None = None) -> Iterator[rows.OperationsCache]:
        """As `Operations.cache`, row after row from a cursor of the server's."""
        return self._run.stream(OPERATIONS_CACHE.of_view(self._run.schema, {"database_name": database_name}))

    def handshakes(
        self,
        *,
        id: int | None = None,
        handshake_id: str | None = None,
        solution_name: str | None = None,
        status: str | None = None,
        is_valid: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.OperationsHandshakes]:
        """Handshakes without their secrets, and whether each is valid now.

        Parameters:
            id, handshake_id, solution_name, status, is_valid: only rows with this value; they combine.
            since, until: only rows whose expires_at is not before the one, and before the other.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_operations_handshakes``.
        """
        return self._run.page(
            OPERATIONS_HANDSHAKES,
            OPERATIONS_HANDSHAKES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "handshake_id": handshake_id,
                    "solution_name": solution_name,
                    "status": status,
                    "is_valid": is_valid,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_handshakes(
        self,
        *,
        id: int | None = None,
        handshake_id: str | None = None,
        solution_name: str | None = None,
        status: str | None = None,
        is_valid: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[rows.OperationsHandshakes]:
        """As `Operations.handshakes`, row after row from a cursor of the server's."""
        return self._run.stream(
            OPERATIONS_HANDSHAKES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "handshake_id": handshake_id,
                    "solution_name": solution_name,
                    "status": status,
                    "is_valid": is_valid,
                },
                since=since,
                until=until,
            )
        )

    def handshake(self, handshake_id: str, *, at: datetime | None = None) -> rows.OperationsHandshake | None:
        """The handshake of that name if it is valid: active, and not expired (at its very moment of expiry it is).
        No row otherwise. It says nothing of who is calling: see fbs_operations_verified_handshake.

        Reads ``fbs_operations_handshake``.
        """
        return self._run.one(OPERATIONS_HANDSHAKE.of_function(self._run.schema, handshake_id=handshake_id, at=at))

    def verified_handshake(
        self, handshake_id: str, secret_key: str, *, at: datetime | None = None
    ) -> rows.OperationsVerifiedHandshake | None:
        """The handshake of that name if it is valid and the secret is its own. No row otherwise, also for no
        secret or a blank one; which of the reasons it was is not told.

        Reads ``fbs_operations_verified_handshake``.
        """
        return self._run.one(
            OPERATIONS_VERIFIED_HANDSHAKE.of_function(
                self._run.schema, handshake_id=handshake_id, secret_key=secret_key, at=at
            )
        )

    def token_owner(self, token: str, *, at: datetime | None = None) -> rows.OperationsTokenOwner | None:
        """Whose token it is and which Odoo connection it is good for. No row where there is no such token, it is
        withdrawn or has expired; whether the connection itself is switched on is told.

        Reads ``fbs_operations_token_owner``.
        """
        return self._run.one(OPERATIONS_TOKEN_OWNER.of_function(self._run.schema, token=token, at=at))

    def business_rules(
        self,
        *,
        id: int | None = None,
        model_name: str | None = None,
        rule_type: str | None = None,
        is_active: bool | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.OperationsBusinessRules]:
        """Business rules, suspended ones too. They apply to a model in the order priority, name, id.

        Parameters:
            id, model_name, rule_type, is_active: only rows with this value; they combine.
            after: ``next`` of the page before; None for the first.
            limit: rows of the page.

        Reads ``fbs_operations_business_rules``.
        """
        return self._run.page(
            OPERATIONS_BUSINESS_RULES,
            OPERATIONS_BUSINESS_RULES.of_view(
                self._run.schema,
                {"id": id, "model_name": model_name, "rule_type": rule_type, "is_active": is_active},
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_business_rules(
        self,
        *,
        id: int | None = None,
        model_name: str | None = None,
        rule_type: str | None = None,
        is_active: bool | None = None,
    ) -> Iterator[rows.OperationsBusinessRules]:
        """As `Operations.business_rules`, row after row from a cursor of the server's."""
        return self._run.stream(
            OPERATIONS_BUSINESS_RULES.of_view(
                self._run.schema, {"id": id, "model_name": model_name, "rule_type": rule_type, "is_active": is_active}
            )
        )


class Suite:
    """What goes across all of FBS."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def deadlines(
        self,
        solution_name: str,
        *,
        since: date | None = None,
        until: date | None = None,
        page_size: int | None = None,
        on_date: date | None = None,
    ) -> Page[rows.SuiteDeadlines]:
        """What a solution has to see to by a day from since (null: whatever is open, however late) until until (by
        default 30 days after on_date), both included; the earliest first, at most page_size of them. It reads
        what is installed in this database and leaves out the rest; a business or company goes by its solution's
        name. kind is one of: compliance: a duty (fbs_msme_compliance) neither met nor judged compliant or
        completed. compliance_check: the last day of the day, week (to Sunday), month, quarter or year, around
        on_date, in which a rule in force (fbs_compliance_rules) is to be checked; whether it was is not
        recorded. report: a report scheduled to be produced (fbs_report_schedules). recurring: the next day,
        from on_date on, of a payment or receipt that comes back (fbs_recurring_transactions). receivable,
        payable: income or expense (fbs_app_incomeexpense) neither paid nor cancelled, by its due date. tax: tax
        (fbs_app_taxcalculation) of which something is to be paid; amount is what. document: the last valid day
        of a document (fbs_dms_document) that is not archived. license: the last day of the solution's licence
        (fbs_license_manager_solution_license). days_left counts from on_date (by default today): 0 on the day
        itself, below 0, and is_overdue, after it. status is the record's own (the frequency of checks and
        reports, the kind of a recurring transaction). amount is in the business's own currency, null where no
        money is due. Times count for their day in the session's time zone.

        Reads ``fbs_suite_deadlines``.
        """
        return self._run.page(
            SUITE_DEADLINES,
            SUITE_DEADLINES.of_function(
                self._run.schema,
                solution_name=solution_name,
                since=since,
                until=until,
                page_size=page_size,
                on_date=on_date,
            ),
            None,
        )


class Groups:
    """All that can be read."""

    def __init__(self, run: Runner) -> None:
        self.approvals = Approvals(run)
        self.notifications = Notifications(run)
        self.msme = Msme(run)
        self.workflow = Workflow(run)
        self.bi = Bi(run)
        self.compliance = Compliance(run)
        self.accounting = Accounting(run)
        self.discovery = Discovery(run)
        self.custom_fields = CustomFields(run)
        self.documents = Documents(run)
        self.licensing = Licensing(run)
        self.operations = Operations(run)
        self.suite = Suite(run)


class AsyncApprovals:
    """Approval requests, and how long they take."""

    def __init__(self, run: AsyncRunner) -> None:
        self._run = run

    async def requests(
        self,
        *,
        id: int | None = None,
        status: str | None = None,
        approval_type: str | None = None,
        requester_id: UserKey | None = None,
        approver_id: UserKey | None = None,
        solution_name: str | None = None,
        model_name: str | None = None,
        record_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.ApprovalsRequests]:
        """As `Approvals.requests`, without blocking."""
        return await self._run.page(
            APPROVALS_REQUESTS,
            APPROVALS_REQUESTS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "status": status,
                    "approval_type": approval_type,
                    "requester_id": requester_id,
                    "approver_id": approver_id,
                    "solution_name": solution_name,
                    "model_name": model_name,
                    "record_id": record_id,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_requests(
        self,
        *,
        id: int | None = None,
        status: str | None = None,
        approval_type: str | None = None,
        requester_id: UserKey | None = None,
        approver_id: UserKey | None = None,
        solution_name: str | None = None,
        model_name: str | None = None,
        record_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[rows.ApprovalsRequests]:
        """As `Approvals.requests`, row after row from a cursor of the server's."""
        return self._run.stream(
            APPROVALS_REQUESTS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "status": status,
                    "approval_type": approval_type,
                    "requester_id": requester_id,
                    "approver_id": approver_id,
                    "solution_name": solution_name,
                    "model_name": model_name,
                    "record_id": record_id,
                },
                since=since,
                until=until,
            )
        )

    async def pending(
        self,
        *,
        id: int | None = None,
        approver_id: UserKey | None = None,
        approval_type: str | None = None,
        requester_id: UserKey | None = None,
        solution_name: str | None = None,
        model_name: str | None = None,
        record_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.ApprovalsPending]:
        """As `Approvals.pending`, without blocking."""
        return await self._run.page(
            APPROVALS_PENDING,
            APPROVALS_PENDING.of_view(
                self._run.schema,
                {
                    "id": id,
                    "approver_id": approver_id,
                    "approval_type": approval_type,
                    "requester_id": requester_id,
                    "solution_name": solution_name,
                    "model_name": model_name,
                    "record_id": record_id,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_pending(
        self,
        *,
        id: int | None = None,
        approver_id: UserKey | None = None,
        approval_type: str | None = None,
        requester_id: UserKey | None = None,
        solution_name: str | None = None,
        model_name: str | None = None,
        record_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[rows.ApprovalsPending]:
        """As `Approvals.pending`, row after row from a cursor of the server's."""
        return self._run.stream(
            APPROVALS_PENDING.of_view(
                self._run.schema,
                {
                    "id": id,
                    "approver_id": approver_id,
                    "approval_type": approval_type,
                    "requester_id": requester_id,
                    "solution_name": solution_name,
                    "model_name": model_name,
                    "record_id": record_id,
                },
                since=since,
                until=until,
            )
        )

    async def details(self, *, id: int) -> rows.ApprovalsDetails | None:
        """As `Approvals.details`, without blocking."""
        return await self._run.one(APPROVALS_DETAILS.of_view(self._run.schema, {"id": id}))

    async def turnaround(
        self, *, since: datetime | None = None, until: datetime | None = None, solution: str | None = None
    ) -> Page[rows.ApprovalsTurnaround]:
        """As `Approvals.turnaround`, without blocking."""
        return await self._run.page(
            APPROVALS_TURNAROUND,
            APPROVALS_TURNAROUND.of_function(self._run.schema, since=since, until=until, solution=solution),
            None,
        )

    async def approvers(
        self, *, approver_id: UserKey | None = None, after: str | None = None, limit: int = 50
    ) -> Page[rows.ApprovalsApprovers]:
        """As `Approvals.approvers`, without blocking."""
        return await self._run.page(
            APPROVALS_APPROVERS,
            APPROVALS_APPROVERS.of_view(self._run.schema, {"approver_id": approver_id}, after=after, limit=limit),
            limit,
        )

    def stream_approvers(self, *, approver_id: UserKey | None = None) -> AsyncIterator[rows.ApprovalsApprovers]:
        """As `Approvals.approvers`, row after row from a cursor of the server's."""
        return self._run.stream(APPROVALS_APPROVERS.of_view(self._run.schema, {"approver_id": approver_id}))


class AsyncNotifications:
    """What users are told."""

    def __init__(self, run: AsyncRunner) -> None:
        self._run = run

    async def inbox(
        self,
        *,
        id: int | None = None,
        user_id: UserKey | None = None,
        solution_name: str | None = None,
        is_unread: bool | None = None,
        notification_type: str | None = None,
        priority: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.NotificationsInbox]:
        """As `Notifications.inbox`, without blocking."""
        return await self._run.page(
            NOTIFICATIONS_INBOX,
            NOTIFICATIONS_INBOX.of_view(
                self._run.schema,
                {
                    "id": id,
                    "user_id": user_id,
                    "solution_name": solution_name,
                    "is_unread": is_unread,
                    "notification_type": notification_type,
                    "priority": priority,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_inbox(
        self,
        *,
        id: int | None = None,
        user_id: UserKey | None = None,
        solution_name: str | None = None,
        is_unread: bool | None = None,
        notification_type: str | None = None,
        priority: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[rows.NotificationsInbox]:
        """As `Notifications.inbox`, row after row from a cursor of the server's."""
        return self._run.stream(
            NOTIFICATIONS_INBOX.of_view(
                self._run.schema,
                {
                    "id": id,
                    "user_id": user_id,
                    "solution_name": solution_name,
                    "is_unread": is_unread,
                    "notification_type": notification_type,
                    "priority": priority,
                },
                since=since,
                until=until,
            )
        )

    async def counts(
        self, *, user_id: UserKey | None = None, after: str | None = None, limit: int = 50
    ) -> Page[rows.NotificationsCounts]:
        """As `Notifications.counts`, without blocking."""
        return await self._run.page(
            NOTIFICATIONS_COUNTS,
            NOTIFICATIONS_COUNTS.of_view(self._run.schema, {"user_id": user_id}, after=after, limit=limit),
            limit,
        )

    def stream_counts(self, *, user_id: UserKey | None = None) -> AsyncIterator[rows.NotificationsCounts]:
        """As `Notifications.counts`, row after row from a cursor of the server's."""
        return self._run.stream(NOTIFICATIONS_COUNTS.of_view(self._run.schema, {"user_id": user_id}))

    async def alerts(
        self,
        *,
        id: int | None = None,
        user_id: UserKey | None = None,
        solution_name: str | None = None,
        priority: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.NotificationsAlerts]:
        """As `Notifications.alerts`, without blocking."""
        return await self._run.page(
            NOTIFICATIONS_ALERTS,
            NOTIFICATIONS_ALERTS.of_view(
                self._run.schema,
                {"id": id, "user_id": user_id, "solution_name": solution_name, "priority": priority},
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_alerts(
        self,
        *,
        id: int | None = None,
        user_id: UserKey | None = None,
        solution_name: str | None = None,
        priority: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[rows.NotificationsAlerts]:
        """As `Notifications.alerts`, row after row from a cursor of the server's."""
        return self._run.stream(
            NOTIFICATIONS_ALERTS.of_view(
                self._run.schema,
                {"id": id, "user_id": user_id, "solution_name": solution_name, "priority": priority},
                since=since,
                until=until,
            )
        )


class AsyncMsme:
    """Set-up, goals, duties, campaigns and figures of a small business."""

    def __init__(self, run: AsyncRunner) -> None:
        self._run = run

    async def setup(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        status: str | None = None,
        business_type: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.MsmeSetup]:
        """As `Msme.setup`, without blocking."""
        return await self._run.page(
            MSME_SETUP,
            MSME_SETUP.of_view(
                self._run.schema,
                {"id": id, "solution_name": solution_name, "status": status, "business_type": business_type},
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_setup(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        status: str | None = None,
        business_type: str | None = None,
    ) -> AsyncIterator[rows.MsmeSetup]:
        """As `Msme.setup`, row after row from a cursor of the server's."""
        return self._run.stream(
            MSME_SETUP.of_view(
                self._run.schema,
                {"id": id, "solution_name": solution_name, "status": status, "business_type": business_type},
            )
        )

    async def kpi_progress(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        kpi_type: str | None = None,
        period: str | None = None,
        kpi_name: str | None = None,
        is_reached: bool | None = None,
        trend: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.MsmeKpiProgress]:
        """As `Msme.kpi_progress`, without blocking."""
        return await self._run.page(
            MSME_KPI_PROGRESS,
            MSME_KPI_PROGRESS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "kpi_type": kpi_type,
                    "period": period,
                    "kpi_name": kpi_name,
                    "is_reached": is_reached,
                    "trend": trend,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_kpi_progress(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        kpi_type: str | None = None,
        period: str | None = None,
        kpi_name: str | None = None,
        is_reached: bool | None = None,
        trend: str | None = None,
    ) -> AsyncIterator[rows.MsmeKpiProgress]:
        """As `Msme.kpi_progress`, row after row from a cursor of the server's."""
        return self._run.stream(
            MSME_KPI_PROGRESS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "kpi_type": kpi_type,
                    "period": period,
                    "kpi_name": kpi_name,
                    "is_reached": is_reached,
                    "trend": trend,
                },
            )
        )

    async def compliance_status(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        compliance_type: str | None = None,
        status: str | None = None,
        due_state: str | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.MsmeComplianceStatus]:
        """As `Msme.compliance_status`, without blocking."""
        return await self._run.page(
            MSME_COMPLIANCE_STATUS,
            MSME_COMPLIANCE_STATUS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "compliance_type": compliance_type,
                    "status": status,
                    "due_state": due_state,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_compliance_status(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        compliance_type: str | None = None,
        status: str | None = None,
        due_state: str | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> AsyncIterator[rows.MsmeComplianceStatus]:
        """As `Msme.compliance_status`, row after row from a cursor of the server's."""
        return self._run.stream(
            MSME_COMPLIANCE_STATUS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "compliance_type": compliance_type,
                    "status": status,
                    "due_state": due_state,
                },
                since=since,
                until=until,
            )
        )

    async def campaigns(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        status: str | None = None,
        campaign_type: str | None = None,
        is_running: bool | None = None,
        is_over_budget: bool | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.MsmeCampaigns]:
        """As `Msme.campaigns`, without blocking."""
        return await self._run.page(
            MSME_CAMPAIGNS,
            MSME_CAMPAIGNS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "status": status,
                    "campaign_type": campaign_type,
                    "is_running": is_running,
                    "is_over_budget": is_over_budget,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_campaigns(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        status: str | None = None,
        campaign_type: str | None = None,
        is_running: bool | None = None,
        is_over_budget: bool | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> AsyncIterator[rows.MsmeCampaigns]:
        """As `Msme.campaigns`, row after row from a cursor of the server's."""
        return self._run.stream(
            MSME_CAMPAIGNS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "status": status,
                    "campaign_type": campaign_type,
                    "is_running": is_running,
                    "is_over_budget": is_over_budget,
                },
                since=since,
                until=until,
            )
        )

    async def setup_templates(
        self,
        *,
        id: int | None = None,
        business_type: str | None = None,
        is_active: bool | None = None,
        name: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.MsmeSetupTemplates]:
        """As `Msme.setup_templates`, without blocking."""
        return await self._run.page(
            MSME_SETUP_TEMPLATES,
            MSME_SETUP_TEMPLATES.of_view(
                self._run.schema,
                {"id": id, "business_type": business_type, "is_active": is_active, "name": name},
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_setup_templates(
        self,
        *,
        id: int | None = None,
        business_type: str | None = None,
        is_active: bool | None = None,
        name: str | None = None,
    ) -> AsyncIterator[rows.MsmeSetupTemplates]:
        """As `Msme.setup_templates`, row after row from a cursor of the server's."""
        return self._run.stream(
            MSME_SETUP_TEMPLATES.of_view(
                self._run.schema, {"id": id, "business_type": business_type, "is_active": is_active, "name": name}
            )
        )

    async def analytics_series(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        metric_name: str | None = None,
        period: str | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.MsmeAnalyticsSeries]:
        """As `Msme.analytics_series`, without blocking."""
        return await self._run.page(
            MSME_ANALYTICS_SERIES,
            MSME_ANALYTICS_SERIES.of_view(
                self._run.schema,
                {"id": id, "solution_name": solution_name, "metric_name": metric_name, "period": period},
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_analytics_series(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        metric_name: str | None = None,
        period: str | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> AsyncIterator[rows.MsmeAnalyticsSeries]:
        """As `Msme.analytics_series`, row after row from a cursor of the server's."""
        return self._run.stream(
            MSME_ANALYTICS_SERIES.of_view(
                self._run.schema,
                {"id": id, "solution_name": solution_name, "metric_name": metric_name, "period": period},
                since=since,
                until=until,
            )
        )

    async def analytics_summary(
        self, solution_name: str, *, since: date | None = None, until: date | None = None
    ) -> Page[rows.MsmeAnalyticsSummary]:
        """As `Msme.analytics_summary`, without blocking."""
        return await self._run.page(
            MSME_ANALYTICS_SUMMARY,
            MSME_ANALYTICS_SUMMARY.of_function(self._run.schema, solution_name=solution_name, since=since, until=until),
            None,
        )

    async def dashboard(
        self, *, solution_name: str | None = None, after: str | None = None, limit: int = 50
    ) -> Page[rows.MsmeDashboard]:
        """As `Msme.dashboard`, without blocking."""
        return await self._run.page(
            MSME_DASHBOARD,
            MSME_DASHBOARD.of_view(self._run.schema, {"solution_name": solution_name}, after=after, limit=limit),
            limit,
        )

    def stream_dashboard(self, *, solution_name: str | None = None) -> AsyncIterator[rows.MsmeDashboard]:
        """As `Msme.dashboard`, row after row from a cursor of the server's."""
        return self._run.stream(MSME_DASHBOARD.of_view(self._run.schema, {"solution_name": solution_name}))


class AsyncWorkflow:
    """Workflows: as they are defined, as they run, and where they wait."""

    def __init__(self, run: AsyncRunner) -> None:
        self._run = run

    async def catalog(
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
    ) -> Page[rows.WorkflowCatalog]:
        """As `Workflow.catalog`, without blocking."""
        return await self._run.page(
            WORKFLOW_CATALOG,
            WORKFLOW_CATALOG.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "workflow_type": workflow_type,
                    "is_active": is_active,
                    "is_template": is_template,
                    "name": name,
                    "version": version,
                    "created_by_id": created_by_id,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_catalog(
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
    ) -> AsyncIterator[rows.WorkflowCatalog]:
        """As `Workflow.catalog`, row after row from a cursor of the server's."""
        return self._run.stream(
            WORKFLOW_CATALOG.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "workflow_type": workflow_type,
                    "is_active": is_active,
                    "is_template": is_template,
                    "name": name,
                    "version": version,
                    "created_by_id": created_by_id,
                },
            )
        )

    async def runs(
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
    ) -> Page[rows.WorkflowRuns]:
        """As `Workflow.runs`, without blocking."""
        return await self._run.page(
            WORKFLOW_RUNS,
            WORKFLOW_RUNS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "workflow_definition_id": workflow_definition_id,
                    "solution_name": solution_name,
                    "business_id": business_id,
                    "status": status,
                    "current_user_id": current_user_id,
                    "current_step_id": current_step_id,
                    "model_name": model_name,
                    "record_id": record_id,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_runs(
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
    ) -> AsyncIterator[rows.WorkflowRuns]:
        """As `Workflow.runs`, row after row from a cursor of the server's."""
        return self._run.stream(
            WORKFLOW_RUNS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "workflow_definition_id": workflow_definition_id,
                    "solution_name": solution_name,
                    "business_id": business_id,
                    "status": status,
                    "current_user_id": current_user_id,
                    "current_step_id": current_step_id,
                    "model_name": model_name,
                    "record_id": record_id,
                },
                since=since,
                until=until,
            )
        )

    async def active_runs(
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
    ) -> Page[rows.WorkflowActiveRuns]:
        """As `Workflow.active_runs`, without blocking."""
        return await self._run.page(
            WORKFLOW_ACTIVE_RUNS,
            WORKFLOW_ACTIVE_RUNS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "current_user_id": current_user_id,
                    "workflow_definition_id": workflow_definition_id,
                    "solution_name": solution_name,
                    "business_id": business_id,
                    "assigned_role": assigned_role,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_active_runs(
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
    ) -> AsyncIterator[rows.WorkflowActiveRuns]:
        """As `Workflow.active_runs`, row after row from a cursor of the server's."""
        return self._run.stream(
            WORKFLOW_ACTIVE_RUNS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "current_user_id": current_user_id,
                    "workflow_definition_id": workflow_definition_id,
                    "solution_name": solution_name,
                    "business_id": business_id,
                    "assigned_role": assigned_role,
                },
                since=since,
                until=until,
            )
        )

    async def graphs(self, *, workflow_definition_id: int) -> rows.WorkflowGraphs | None:
        """As `Workflow.graphs`, without blocking."""
        return await self._run.one(
            WORKFLOW_GRAPHS.of_view(self._run.schema, {"workflow_definition_id": workflow_definition_id})
        )

    async def open_transitions(
        self, *, workflow_instance_id: int | None = None, after: str | None = None, limit: int = 50
    ) -> Page[rows.WorkflowOpenTransitions]:
        """As `Workflow.open_transitions`, without blocking."""
        return await self._run.page(
            WORKFLOW_OPEN_TRANSITIONS,
            WORKFLOW_OPEN_TRANSITIONS.of_view(
                self._run.schema, {"workflow_instance_id": workflow_instance_id}, after=after, limit=limit
            ),
            limit,
        )

    def stream_open_transitions(
        self, *, workflow_instance_id: int | None = None
    ) -> AsyncIterator[rows.WorkflowOpenTransitions]:
        """As `Workflow.open_transitions`, row after row from a cursor of the server's."""
        return self._run.stream(
            WORKFLOW_OPEN_TRANSITIONS.of_view(self._run.schema, {"workflow_instance_id": workflow_instance_id})
        )

    async def log(
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
    ) -> Page[rows.WorkflowLog]:
        """As `Workflow.log`, without blocking."""
        return await self._run.page(
            WORKFLOW_LOG,
            WORKFLOW_LOG.of_view(
                self._run.schema,
                {
                    "id": id,
                    "workflow_instance_id": workflow_instance_id,
                    "action": action,
                    "executed_by_id": executed_by_id,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_log(
        self,
        *,
        id: int | None = None,
        workflow_instance_id: int | None = None,
        action: str | None = None,
        executed_by_id: UserKey | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[rows.WorkflowLog]:
        """As `Workflow.log`, row after row from a cursor of the server's."""
        return self._run.stream(
            WORKFLOW_LOG.of_view(
                self._run.schema,
                {
                    "id": id,
                    "workflow_instance_id": workflow_instance_id,
                    "action": action,
                    "executed_by_id": executed_by_id,
                },
                since=since,
                until=until,
            )
        )

    async def analytics(
        self,
        *,
        workflow_definition_id: int | None = None,
        solution_name: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.WorkflowAnalytics]:
        """As `Workflow.analytics`, without blocking."""
        return await self._run.page(
            WORKFLOW_ANALYTICS,
            WORKFLOW_ANALYTICS.of_view(
                self._run.schema,
                {"workflow_definition_id": workflow_definition_id, "solution_name": solution_name},
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_analytics(
        self, *, workflow_definition_id: int | None = None, solution_name: str | None = None
    ) -> AsyncIterator[rows.WorkflowAnalytics]:
        """As `Workflow.analytics`, row after row from a cursor of the server's."""
        return self._run.stream(
            WORKFLOW_ANALYTICS.of_view(
                self._run.schema, {"workflow_definition_id": workflow_definition_id, "solution_name": solution_name}
            )
        )

    async def waiting(
        self,
        *,
        workflow_definition_id: int | None = None,
        solution_name: str | None = None,
        current_step_id: int | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.WorkflowWaiting]:
        """As `Workflow.waiting`, without blocking."""
        return await self._run.page(
            WORKFLOW_WAITING,
            WORKFLOW_WAITING.of_view(
                self._run.schema,
                {
                    "workflow_definition_id": workflow_definition_id,
                    "solution_name": solution_name,
                    "current_step_id": current_step_id,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_waiting(
        self,
        *,
        workflow_definition_id: int | None = None,
        solution_name: str | None = None,
        current_step_id: int | None = None,
    ) -> AsyncIterator[rows.WorkflowWaiting]:
        """As `Workflow.waiting`, row after row from a cursor of the server's."""
        return self._run.stream(
            WORKFLOW_WAITING.of_view(
                self._run.schema,
                {
                    "workflow_definition_id": workflow_definition_id,
                    "solution_name": solution_name,
                    "current_step_id": current_step_id,
                },
            )
        )


class AsyncBi:
    """Dashboards, reports, indicators and charts."""

    def __init__(self, run: AsyncRunner) -> None:
        self._run = run

    async def dashboards(
        self,
        *,
        id: int | None = None,
        dashboard_type: str | None = None,
        is_public: bool | None = None,
        is_active: bool | None = None,
        created_by_id: UserKey | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.BiDashboards]:
        """As `Bi.dashboards`, without blocking."""
        return await self._run.page(
            BI_DASHBOARDS,
            BI_DASHBOARDS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "dashboard_type": dashboard_type,
                    "is_public": is_public,
                    "is_active": is_active,
                    "created_by_id": created_by_id,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_dashboards(
        self,
        *,
        id: int | None = None,
        dashboard_type: str | None = None,
        is_public: bool | None = None,
        is_active: bool | None = None,
        created_by_id: UserKey | None = None,
    ) -> AsyncIterator[rows.BiDashboards]:
        """As `Bi.dashboards`, row after row from a cursor of the server's."""
        return self._run.stream(
            BI_DASHBOARDS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "dashboard_type": dashboard_type,
                    "is_public": is_public,
                    "is_active": is_active,
                    "created_by_id": created_by_id,
                },
            )
        )

    async def visible_dashboards(self, user_id: UserKey) -> Page[rows.BiVisibleDashboards]:
        """As `Bi.visible_dashboards`, without blocking."""
        return await self._run.page(
            BI_VISIBLE_DASHBOARDS, BI_VISIBLE_DASHBOARDS.of_function(self._run.schema, user_id=user_id), None
        )

    async def reports(
        self,
        *,
        id: int | None = None,
        report_type: str | None = None,
        is_scheduled: bool | None = None,
        is_active: bool | None = None,
        output_format: str | None = None,
        created_by_id: UserKey | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.BiReports]:
        """As `Bi.reports`, without blocking."""
        return await self._run.page(
            BI_REPORTS,
            BI_REPORTS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "report_type": report_type,
                    "is_scheduled": is_scheduled,
                    "is_active": is_active,
                    "output_format": output_format,
                    "created_by_id": created_by_id,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_reports(
        self,
        *,
        id: int | None = None,
        report_type: str | None = None,
        is_scheduled: bool | None = None,
        is_active: bool | None = None,
        output_format: str | None = None,
        created_by_id: UserKey | None = None,
    ) -> AsyncIterator[rows.BiReports]:
        """As `Bi.reports`, row after row from a cursor of the server's."""
        return self._run.stream(
            BI_REPORTS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "report_type": report_type,
                    "is_scheduled": is_scheduled,
                    "is_active": is_active,
                    "output_format": output_format,
                    "created_by_id": created_by_id,
                },
            )
        )

    async def kpis(
        self,
        *,
        id: int | None = None,
        kpi_type: str | None = None,
        frequency: str | None = None,
        is_active: bool | None = None,
        created_by_id: UserKey | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.BiKpis]:
        """As `Bi.kpis`, without blocking."""
        return await self._run.page(
            BI_KPIS,
            BI_KPIS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "kpi_type": kpi_type,
                    "frequency": frequency,
                    "is_active": is_active,
                    "created_by_id": created_by_id,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_kpis(
        self,
        *,
        id: int | None = None,
        kpi_type: str | None = None,
        frequency: str | None = None,
        is_active: bool | None = None,
        created_by_id: UserKey | None = None,
    ) -> AsyncIterator[rows.BiKpis]:
        """As `Bi.kpis`, row after row from a cursor of the server's."""
        return self._run.stream(
            BI_KPIS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "kpi_type": kpi_type,
                    "frequency": frequency,
                    "is_active": is_active,
                    "created_by_id": created_by_id,
                },
            )
        )

    async def kpi_state(self, kpi_id: int, measured_value: Decimal) -> rows.BiKpiState | None:
        """As `Bi.kpi_state`, without blocking."""
        return await self._run.one(
            BI_KPI_STATE.of_function(self._run.schema, kpi_id=kpi_id, measured_value=measured_value)
        )

    async def charts(
        self,
        *,
        id: int | None = None,
        chart_type: str | None = None,
        is_active: bool | None = None,
        created_by_id: UserKey | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.BiCharts]:
        """As `Bi.charts`, without blocking."""
        return await self._run.page(
            BI_CHARTS,
            BI_CHARTS.of_view(
                self._run.schema,
                {"id": id, "chart_type": chart_type, "is_active": is_active, "created_by_id": created_by_id},
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_charts(
        self,
        *,
        id: int | None = None,
        chart_type: str | None = None,
        is_active: bool | None = None,
        created_by_id: UserKey | None = None,
    ) -> AsyncIterator[rows.BiCharts]:
        """As `Bi.charts`, row after row from a cursor of the server's."""
        return self._run.stream(
            BI_CHARTS.of_view(
                self._run.schema,
                {"id": id, "chart_type": chart_type, "is_active": is_active, "created_by_id": created_by_id},
            )
        )

    async def schedules_due(
        self, *, since: datetime | None = None, zone: str | None = None, at: datetime | None = None
    ) -> Page[rows.BiSchedulesDue]:
        """As `Bi.schedules_due`, without blocking."""
        return await self._run.page(
            BI_SCHEDULES_DUE, BI_SCHEDULES_DUE.of_function(self._run.schema, since=since, zone=zone, at=at), None
        )


class AsyncCompliance:
    """Rules to keep, traces left, and what recurs."""

    def __init__(self, run: AsyncRunner) -> None:
        self._run = run

    async def rule_list(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        name: str | None = None,
        compliance_type: str | None = None,
        check_frequency: str | None = None,
        active: bool | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.ComplianceRuleList]:
        """As `Compliance.rule_list`, without blocking."""
        return await self._run.page(
            COMPLIANCE_RULE_LIST,
            COMPLIANCE_RULE_LIST.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "name": name,
                    "compliance_type": compliance_type,
                    "check_frequency": check_frequency,
                    "active": active,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_rule_list(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        name: str | None = None,
        compliance_type: str | None = None,
        check_frequency: str | None = None,
        active: bool | None = None,
    ) -> AsyncIterator[rows.ComplianceRuleList]:
        """As `Compliance.rule_list`, row after row from a cursor of the server's."""
        return self._run.stream(
            COMPLIANCE_RULE_LIST.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "name": name,
                    "compliance_type": compliance_type,
                    "check_frequency": check_frequency,
                    "active": active,
                },
            )
        )

    async def summary(
        self, *, solution_name: str | None = None, after: str | None = None, limit: int = 50
    ) -> Page[rows.ComplianceSummary]:
        """As `Compliance.summary`, without blocking."""
        return await self._run.page(
            COMPLIANCE_SUMMARY,
            COMPLIANCE_SUMMARY.of_view(self._run.schema, {"solution_name": solution_name}, after=after, limit=limit),
            limit,
        )

    def stream_summary(self, *, solution_name: str | None = None) -> AsyncIterator[rows.ComplianceSummary]:
        """As `Compliance.summary`, row after row from a cursor of the server's."""
        return self._run.stream(COMPLIANCE_SUMMARY.of_view(self._run.schema, {"solution_name": solution_name}))

    async def audit_trail(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        user_id: str | None = None,
        record_type: str | None = None,
        record_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.ComplianceAuditTrail]:
        """As `Compliance.audit_trail`, without blocking."""
        return await self._run.page(
            COMPLIANCE_AUDIT_TRAIL,
            COMPLIANCE_AUDIT_TRAIL.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "user_id": user_id,
                    "record_type": record_type,
                    "record_id": record_id,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_audit_trail(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        user_id: str | None = None,
        record_type: str | None = None,
        record_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[rows.ComplianceAuditTrail]:
        """As `Compliance.audit_trail`, row after row from a cursor of the server's."""
        return self._run.stream(
            COMPLIANCE_AUDIT_TRAIL.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "user_id": user_id,
                    "record_type": record_type,
                    "record_id": record_id,
                },
                since=since,
                until=until,
            )
        )

    async def user_activity(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        user_id: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.ComplianceUserActivity]:
        """As `Compliance.user_activity`, without blocking."""
        return await self._run.page(
            COMPLIANCE_USER_ACTIVITY,
            COMPLIANCE_USER_ACTIVITY.of_view(
                self._run.schema,
                {"id": id, "solution_name": solution_name, "user_id": user_id, "action": action},
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_user_activity(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        user_id: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[rows.ComplianceUserActivity]:
        """As `Compliance.user_activity`, row after row from a cursor of the server's."""
        return self._run.stream(
            COMPLIANCE_USER_ACTIVITY.of_view(
                self._run.schema,
                {"id": id, "solution_name": solution_name, "user_id": user_id, "action": action},
                since=since,
                until=until,
            )
        )

    async def report_schedules(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        name: str | None = None,
        report_type: str | None = None,
        frequency: str | None = None,
        active: bool | None = None,
        is_overdue: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.ComplianceReportSchedules]:
        """As `Compliance.report_schedules`, without blocking."""
        return await self._run.page(
            COMPLIANCE_REPORT_SCHEDULES,
            COMPLIANCE_REPORT_SCHEDULES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "name": name,
                    "report_type": report_type,
                    "frequency": frequency,
                    "active": active,
                    "is_overdue": is_overdue,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_report_schedules(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        name: str | None = None,
        report_type: str | None = None,
        frequency: str | None = None,
        active: bool | None = None,
        is_overdue: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[rows.ComplianceReportSchedules]:
        """As `Compliance.report_schedules`, row after row from a cursor of the server's."""
        return self._run.stream(
            COMPLIANCE_REPORT_SCHEDULES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "name": name,
                    "report_type": report_type,
                    "frequency": frequency,
                    "active": active,
                    "is_overdue": is_overdue,
                },
                since=since,
                until=until,
            )
        )

    async def recurring_transactions(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        transaction_type: str | None = None,
        frequency: str | None = None,
        active: bool | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.ComplianceRecurringTransactions]:
        """As `Compliance.recurring_transactions`, without blocking."""
        return await self._run.page(
            COMPLIANCE_RECURRING_TRANSACTIONS,
            COMPLIANCE_RECURRING_TRANSACTIONS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "transaction_type": transaction_type,
                    "frequency": frequency,
                    "active": active,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_recurring_transactions(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        transaction_type: str | None = None,
        frequency: str | None = None,
        active: bool | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> AsyncIterator[rows.ComplianceRecurringTransactions]:
        """As `Compliance.recurring_transactions`, row after row from a cursor of the server's."""
        return self._run.stream(
            COMPLIANCE_RECURRING_TRANSACTIONS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "transaction_type": transaction_type,
                    "frequency": frequency,
                    "active": active,
                },
                since=since,
                until=until,
            )
        )

    async def recurring_dates(
        self, solution_name: str, *, since: date | None = None, until: date | None = None
    ) -> Page[rows.ComplianceRecurringDates]:
        """As `Compliance.recurring_dates`, without blocking."""
        return await self._run.page(
            COMPLIANCE_RECURRING_DATES,
            COMPLIANCE_RECURRING_DATES.of_function(
                self._run.schema, solution_name=solution_name, since=since, until=until
            ),
            None,
        )


class AsyncAccounting:
    """Cash, income, ledgers, taxes, and how the business fares."""

    def __init__(self, run: AsyncRunner) -> None:
        self._run = run

    async def cash_entries(
        self,
        *,
        id: int | None = None,
        business_id: str | None = None,
        entry_type: str | None = None,
        category: str | None = None,
        payment_method: str | None = None,
        vendor_customer: str | None = None,
        reference_number: str | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.AccountingCashEntries]:
        """As `Accounting.cash_entries`, without blocking."""
        return await self._run.page(
            ACCOUNTING_CASH_ENTRIES,
            ACCOUNTING_CASH_ENTRIES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "business_id": business_id,
                    "entry_type": entry_type,
                    "category": category,
                    "payment_method": payment_method,
                    "vendor_customer": vendor_customer,
                    "reference_number": reference_number,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_cash_entries(
        self,
        *,
        id: int | None = None,
        business_id: str | None = None,
        entry_type: str | None = None,
        category: str | None = None,
        payment_method: str | None = None,
        vendor_customer: str | None = None,
        reference_number: str | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> AsyncIterator[rows.AccountingCashEntries]:
        """As `Accounting.cash_entries`, row after row from a cursor of the server's."""
        return self._run.stream(
            ACCOUNTING_CASH_ENTRIES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "business_id": business_id,
                    "entry_type": entry_type,
                    "category": category,
                    "payment_method": payment_method,
                    "vendor_customer": vendor_customer,
                    "reference_number": reference_number,
                },
                since=since,
                until=until,
            )
        )

    async def cash_ledger(
        self,
        business_id: str,
        *,
        since: date | None = None,
        until: date | None = None,
        after_date: date | None = None,
        after_id: int | None = None,
        carried: Decimal | None = None,
        page_size: int | None = None,
    ) -> Page[rows.AccountingCashLedger]:
        """As `Accounting.cash_ledger`, without blocking."""
        return await self._run.page(
            ACCOUNTING_CASH_LEDGER,
            ACCOUNTING_CASH_LEDGER.of_function(
                self._run.schema,
                business_id=business_id,
                since=since,
                until=until,
                after_date=after_date,
                after_id=after_id,
                carried=carried,
                page_size=page_size,
            ),
            None,
        )

    async def cash_position(self, business_id: str, *, on_date: date | None = None) -> rows.AccountingCashPosition:
        """As `Accounting.cash_position`, without blocking."""
        return await self._run.always(
            ACCOUNTING_CASH_POSITION.of_function(self._run.schema, business_id=business_id, on_date=on_date)
        )

    async def cash_by_method(
        self, business_id: str, *, on_date: date | None = None
    ) -> Page[rows.AccountingCashByMethod]:
        """As `Accounting.cash_by_method`, without blocking."""
        return await self._run.page(
            ACCOUNTING_CASH_BY_METHOD,
            ACCOUNTING_CASH_BY_METHOD.of_function(self._run.schema, business_id=business_id, on_date=on_date),
            None,
        )

    async def transactions(
        self,
        *,
        id: int | None = None,
        business_id: str | None = None,
        transaction_type: str | None = None,
        category: str | None = None,
        payment_status: str | None = None,
        vendor_customer: str | None = None,
        invoice_number: str | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.AccountingTransactions]:
        """As `Accounting.transactions`, without blocking."""
        return await self._run.page(
            ACCOUNTING_TRANSACTIONS,
            ACCOUNTING_TRANSACTIONS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "business_id": business_id,
                    "transaction_type": transaction_type,
                    "category": category,
                    "payment_status": payment_status,
                    "vendor_customer": vendor_customer,
                    "invoice_number": invoice_number,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_transactions(
        self,
        *,
        id: int | None = None,
        business_id: str | None = None,
        transaction_type: str | None = None,
        category: str | None = None,
        payment_status: str | None = None,
        vendor_customer: str | None = None,
        invoice_number: str | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> AsyncIterator[rows.AccountingTransactions]:
        """As `Accounting.transactions`, row after row from a cursor of the server's."""
        return self._run.stream(
            ACCOUNTING_TRANSACTIONS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "business_id": business_id,
                    "transaction_type": transaction_type,
                    "category": category,
                    "payment_status": payment_status,
                    "vendor_customer": vendor_customer,
                    "invoice_number": invoice_number,
                },
                since=since,
                until=until,
            )
        )

    async def income_expense(
        self, business_id: str, *, since: date | None = None, until: date | None = None, period: str | None = None
    ) -> Page[rows.AccountingIncomeExpense]:
        """As `Accounting.income_expense`, without blocking."""
        return await self._run.page(
            ACCOUNTING_INCOME_EXPENSE,
            ACCOUNTING_INCOME_EXPENSE.of_function(
                self._run.schema, business_id=business_id, since=since, until=until, period=period
            ),
            None,
        )

    async def income_expense_summary(
        self, business_id: str, *, since: date | None = None, until: date | None = None
    ) -> rows.AccountingIncomeExpenseSummary:
        """As `Accounting.income_expense_summary`, without blocking."""
        return await self._run.always(
            ACCOUNTING_INCOME_EXPENSE_SUMMARY.of_function(
                self._run.schema, business_id=business_id, since=since, until=until
            )
        )

    async def ledger_lines(
        self,
        *,
        id: int | None = None,
        business_id: str | None = None,
        account: str | None = None,
        reference: str | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.AccountingLedgerLines]:
        """As `Accounting.ledger_lines`, without blocking."""
        return await self._run.page(
            ACCOUNTING_LEDGER_LINES,
            ACCOUNTING_LEDGER_LINES.of_view(
                self._run.schema,
                {"id": id, "business_id": business_id, "account": account, "reference": reference},
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_ledger_lines(
        self,
        *,
        id: int | None = None,
        business_id: str | None = None,
        account: str | None = None,
        reference: str | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> AsyncIterator[rows.AccountingLedgerLines]:
        """As `Accounting.ledger_lines`, row after row from a cursor of the server's."""
        return self._run.stream(
            ACCOUNTING_LEDGER_LINES.of_view(
                self._run.schema,
                {"id": id, "business_id": business_id, "account": account, "reference": reference},
                since=since,
                until=until,
            )
        )

    async def account_ledger(
        self,
        business_id: str,
        account: str,
        *,
        since: date | None = None,
        until: date | None = None,
        after_date: date | None = None,
        after_id: int | None = None,
        carried: Decimal | None = None,
        page_size: int | None = None,
    ) -> Page[rows.AccountingAccountLedger]:
        """As `Accounting.account_ledger`, without blocking."""
        return await self._run.page(
            ACCOUNTING_ACCOUNT_LEDGER,
            ACCOUNTING_ACCOUNT_LEDGER.of_function(
                self._run.schema,
                business_id=business_id,
                account=account,
                since=since,
                until=until,
                after_date=after_date,
                after_id=after_id,
                carried=carried,
                page_size=page_size,
            ),
            None,
        )

    async def account_balances(
        self,
        *,
        business_id: str | None = None,
        account: str | None = None,
        account_type: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.AccountingAccountBalances]:
        """As `Accounting.account_balances`, without blocking."""
        return await self._run.page(
            ACCOUNTING_ACCOUNT_BALANCES,
            ACCOUNTING_ACCOUNT_BALANCES.of_view(
                self._run.schema,
                {"business_id": business_id, "account": account, "account_type": account_type},
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_account_balances(
        self, *, business_id: str | None = None, account: str | None = None, account_type: str | None = None
    ) -> AsyncIterator[rows.AccountingAccountBalances]:
        """As `Accounting.account_balances`, row after row from a cursor of the server's."""
        return self._run.stream(
            ACCOUNTING_ACCOUNT_BALANCES.of_view(
                self._run.schema, {"business_id": business_id, "account": account, "account_type": account_type}
            )
        )

    async def trial_balance(
        self, business_id: str, *, on_date: date | None = None
    ) -> Page[rows.AccountingTrialBalance]:
        """As `Accounting.trial_balance`, without blocking."""
        return await self._run.page(
            ACCOUNTING_TRIAL_BALANCE,
            ACCOUNTING_TRIAL_BALANCE.of_function(self._run.schema, business_id=business_id, on_date=on_date),
            None,
        )

    async def open_items(
        self, business_id: str, *, of_type: str | None = None, on_date: date | None = None
    ) -> Page[rows.AccountingOpenItems]:
        """As `Accounting.open_items`, without blocking."""
        return await self._run.page(
            ACCOUNTING_OPEN_ITEMS,
            ACCOUNTING_OPEN_ITEMS.of_function(
                self._run.schema, business_id=business_id, of_type=of_type, on_date=on_date
            ),
            None,
        )

    async def receivables(self, business_id: str, *, on_date: date | None = None) -> Page[rows.AccountingReceivables]:
        """As `Accounting.receivables`, without blocking."""
        return await self._run.page(
            ACCOUNTING_RECEIVABLES,
            ACCOUNTING_RECEIVABLES.of_function(self._run.schema, business_id=business_id, on_date=on_date),
            None,
        )

    async def payables(self, business_id: str, *, on_date: date | None = None) -> Page[rows.AccountingPayables]:
        """As `Accounting.payables`, without blocking."""
        return await self._run.page(
            ACCOUNTING_PAYABLES,
            ACCOUNTING_PAYABLES.of_function(self._run.schema, business_id=business_id, on_date=on_date),
            None,
        )

    async def taxes(
        self,
        *,
        id: int | None = None,
        business_id: str | None = None,
        payment_status: str | None = None,
        tax_type: str | None = None,
        is_overdue: bool | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.AccountingTaxes]:
        """As `Accounting.taxes`, without blocking."""
        return await self._run.page(
            ACCOUNTING_TAXES,
            ACCOUNTING_TAXES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "business_id": business_id,
                    "payment_status": payment_status,
                    "tax_type": tax_type,
                    "is_overdue": is_overdue,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_taxes(
        self,
        *,
        id: int | None = None,
        business_id: str | None = None,
        payment_status: str | None = None,
        tax_type: str | None = None,
        is_overdue: bool | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> AsyncIterator[rows.AccountingTaxes]:
        """As `Accounting.taxes`, row after row from a cursor of the server's."""
        return self._run.stream(
            ACCOUNTING_TAXES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "business_id": business_id,
                    "payment_status": payment_status,
                    "tax_type": tax_type,
                    "is_overdue": is_overdue,
                },
                since=since,
                until=until,
            )
        )

    async def tax_summary(
        self, business_id: str, *, since: date | None = None, until: date | None = None, on_date: date | None = None
    ) -> Page[rows.AccountingTaxSummary]:
        """As `Accounting.tax_summary`, without blocking."""
        return await self._run.page(
            ACCOUNTING_TAX_SUMMARY,
            ACCOUNTING_TAX_SUMMARY.of_function(
                self._run.schema, business_id=business_id, since=since, until=until, on_date=on_date
            ),
            None,
        )

    async def health(
        self, business_id: str, *, months: int | None = None, on_date: date | None = None
    ) -> rows.AccountingHealth:
        """As `Accounting.health`, without blocking."""
        return await self._run.always(
            ACCOUNTING_HEALTH.of_function(self._run.schema, business_id=business_id, months=months, on_date=on_date)
        )


class AsyncDiscovery:
    """What was found in Odoo: models, fields and modules."""

    def __init__(self, run: AsyncRunner) -> None:
        self._run = run

    async def models(
        self,
        *,
        id: int | None = None,
        database_name: str | None = None,
        model_name: str | None = None,
        module_name: str | None = None,
        model_type: str | None = None,
        is_active: bool | None = None,
        is_installed: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.DiscoveryModels]:
        """As `Discovery.models`, without blocking."""
        return await self._run.page(
            DISCOVERY_MODELS,
            DISCOVERY_MODELS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "database_name": database_name,
                    "model_name": model_name,
                    "module_name": module_name,
                    "model_type": model_type,
                    "is_active": is_active,
                    "is_installed": is_installed,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_models(
        self,
        *,
        id: int | None = None,
        database_name: str | None = None,
        model_name: str | None = None,
        module_name: str | None = None,
        model_type: str | None = None,
        is_active: bool | None = None,
        is_installed: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[rows.DiscoveryModels]:
        """As `Discovery.models`, row after row from a cursor of the server's."""
        return self._run.stream(
            DISCOVERY_MODELS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "database_name": database_name,
                    "model_name": model_name,
                    "module_name": module_name,
                    "model_type": model_type,
                    "is_active": is_active,
                    "is_installed": is_installed,
                },
                since=since,
                until=until,
            )
        )

    async def fields(
        self,
        *,
        id: int | None = None,
        odoo_model_id: int | None = None,
        database_name: str | None = None,
        model_name: str | None = None,
        field_name: str | None = None,
        field_type: str | None = None,
        relation_model: str | None = None,
        required: bool | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.DiscoveryFields]:
        """As `Discovery.fields`, without blocking."""
        return await self._run.page(
            DISCOVERY_FIELDS,
            DISCOVERY_FIELDS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "odoo_model_id": odoo_model_id,
                    "database_name": database_name,
                    "model_name": model_name,
                    "field_name": field_name,
                    "field_type": field_type,
                    "relation_model": relation_model,
                    "required": required,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_fields(
        self,
        *,
        id: int | None = None,
        odoo_model_id: int | None = None,
        database_name: str | None = None,
        model_name: str | None = None,
        field_name: str | None = None,
        field_type: str | None = None,
        relation_model: str | None = None,
        required: bool | None = None,
    ) -> AsyncIterator[rows.DiscoveryFields]:
        """As `Discovery.fields`, row after row from a cursor of the server's."""
        return self._run.stream(
            DISCOVERY_FIELDS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "odoo_model_id": odoo_model_id,
                    "database_name": database_name,
                    "model_name": model_name,
                    "field_name": field_name,
                    "field_type": field_type,
                    "relation_model": relation_model,
                    "required": required,
                },
            )
        )

    async def modules(
        self,
        *,
        id: int | None = None,
        database_name: str | None = None,
        module_name: str | None = None,
        category: str | None = None,
        is_installed: bool | None = None,
        is_active: bool | None = None,
        application: bool | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.DiscoveryModules]:
        """As `Discovery.modules`, without blocking."""
        return await self._run.page(
            DISCOVERY_MODULES,
            DISCOVERY_MODULES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "database_name": database_name,
                    "module_name": module_name,
                    "category": category,
                    "is_installed": is_installed,
                    "is_active": is_active,
                    "application": application,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_modules(
        self,
        *,
        id: int | None = None,
        database_name: str | None = None,
        module_name: str | None = None,
        category: str | None = None,
        is_installed: bool | None = None,
        is_active: bool | None = None,
        application: bool | None = None,
    ) -> AsyncIterator[rows.DiscoveryModules]:
        """As `Discovery.modules`, row after row from a cursor of the server's."""
        return self._run.stream(
            DISCOVERY_MODULES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "database_name": database_name,
                    "module_name": module_name,
                    "category": category,
                    "is_installed": is_installed,
                    "is_active": is_active,
                    "application": application,
                },
            )
        )

    async def session_list(
        self,
        *,
        id: int | None = None,
        session_id: str | None = None,
        database_name: str | None = None,
        session_type: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.DiscoverySessionList]:
        """As `Discovery.session_list`, without blocking."""
        return await self._run.page(
            DISCOVERY_SESSION_LIST,
            DISCOVERY_SESSION_LIST.of_view(
                self._run.schema,
                {
                    "id": id,
                    "session_id": session_id,
                    "database_name": database_name,
                    "session_type": session_type,
                    "status": status,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_session_list(
        self,
        *,
        id: int | None = None,
        session_id: str | None = None,
        database_name: str | None = None,
        session_type: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[rows.DiscoverySessionList]:
        """As `Discovery.session_list`, row after row from a cursor of the server's."""
        return self._run.stream(
            DISCOVERY_SESSION_LIST.of_view(
                self._run.schema,
                {
                    "id": id,
                    "session_id": session_id,
                    "database_name": database_name,
                    "session_type": session_type,
                    "status": status,
                },
                since=since,
                until=until,
            )
        )

    async def schema(self, database_name: str, model_name: str) -> Page[rows.DiscoverySchema]:
        """As `Discovery.schema`, without blocking."""
        return await self._run.page(
            DISCOVERY_SCHEMA,
            DISCOVERY_SCHEMA.of_function(self._run.schema, database_name=database_name, model_name=model_name),
            None,
        )


class AsyncCustomFields:
    """Fields that hosts add to records."""

    def __init__(self, run: AsyncRunner) -> None:
        self._run = run

    async def values(
        self,
        *,
        id: int | None = None,
        model_name: str | None = None,
        record_id: int | None = None,
        field_name: str | None = None,
        database_name: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.CustomFieldsValues]:
        """As `CustomFields.values`, without blocking."""
        return await self._run.page(
            CUSTOM_FIELDS_VALUES,
            CUSTOM_FIELDS_VALUES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "model_name": model_name,
                    "record_id": record_id,
                    "field_name": field_name,
                    "database_name": database_name,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_values(
        self,
        *,
        id: int | None = None,
        model_name: str | None = None,
        record_id: int | None = None,
        field_name: str | None = None,
        database_name: str | None = None,
    ) -> AsyncIterator[rows.CustomFieldsValues]:
        """As `CustomFields.values`, row after row from a cursor of the server's."""
        return self._run.stream(
            CUSTOM_FIELDS_VALUES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "model_name": model_name,
                    "record_id": record_id,
                    "field_name": field_name,
                    "database_name": database_name,
                },
            )
        )

    async def objects(
        self,
        *,
        model_name: str | None = None,
        record_id: int | None = None,
        database_name: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.CustomFieldsObjects]:
        """As `CustomFields.objects`, without blocking."""
        return await self._run.page(
            CUSTOM_FIELDS_OBJECTS,
            CUSTOM_FIELDS_OBJECTS.of_view(
                self._run.schema,
                {"model_name": model_name, "record_id": record_id, "database_name": database_name},
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_objects(
        self, *, model_name: str | None = None, record_id: int | None = None, database_name: str | None = None
    ) -> AsyncIterator[rows.CustomFieldsObjects]:
        """As `CustomFields.objects`, row after row from a cursor of the server's."""
        return self._run.stream(
            CUSTOM_FIELDS_OBJECTS.of_view(
                self._run.schema, {"model_name": model_name, "record_id": record_id, "database_name": database_name}
            )
        )

    async def records(
        self, model_name: str, record_ids: list[int], *, database_name: str | None = None
    ) -> Page[rows.CustomFieldsRecords]:
        """As `CustomFields.records`, without blocking."""
        return await self._run.page(
            CUSTOM_FIELDS_RECORDS,
            CUSTOM_FIELDS_RECORDS.of_function(
                self._run.schema, model_name=model_name, record_ids=record_ids, database_name=database_name
            ),
            None,
        )


class AsyncDocuments:
    """Documents: found, described, waited for and counted."""

    def __init__(self, run: AsyncRunner) -> None:
        self._run = run

    async def categories(
        self,
        *,
        id: int | None = None,
        parent_id: int | None = None,
        name: str | None = None,
        is_active: bool | None = None,
        depth: int | None = None,
        in_cycle: bool | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.DocumentsCategories]:
        """As `Documents.categories`, without blocking."""
        return await self._run.page(
            DOCUMENTS_CATEGORIES,
            DOCUMENTS_CATEGORIES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "parent_id": parent_id,
                    "name": name,
                    "is_active": is_active,
                    "depth": depth,
                    "in_cycle": in_cycle,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_categories(
        self,
        *,
        id: int | None = None,
        parent_id: int | None = None,
        name: str | None = None,
        is_active: bool | None = None,
        depth: int | None = None,
        in_cycle: bool | None = None,
    ) -> AsyncIterator[rows.DocumentsCategories]:
        """As `Documents.categories`, row after row from a cursor of the server's."""
        return self._run.stream(
            DOCUMENTS_CATEGORIES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "parent_id": parent_id,
                    "name": name,
                    "is_active": is_active,
                    "depth": depth,
                    "in_cycle": in_cycle,
                },
            )
        )

    async def overview(
        self,
        *,
        id: int | None = None,
        company_id: str | None = None,
        state: str | None = None,
        document_type_id: int | None = None,
        category_id: int | None = None,
        created_by_id: UserKey | None = None,
        approved_by_id: UserKey | None = None,
        solution_db: str | None = None,
        attachment_id: int | None = None,
        expiry_date: date | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.DocumentsOverview]:
        """As `Documents.overview`, without blocking."""
        return await self._run.page(
            DOCUMENTS_OVERVIEW,
            DOCUMENTS_OVERVIEW.of_view(
                self._run.schema,
                {
                    "id": id,
                    "company_id": company_id,
                    "state": state,
                    "document_type_id": document_type_id,
                    "category_id": category_id,
                    "created_by_id": created_by_id,
                    "approved_by_id": approved_by_id,
                    "solution_db": solution_db,
                    "attachment_id": attachment_id,
                    "expiry_date": expiry_date,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_overview(
        self,
        *,
        id: int | None = None,
        company_id: str | None = None,
        state: str | None = None,
        document_type_id: int | None = None,
        category_id: int | None = None,
        created_by_id: UserKey | None = None,
        approved_by_id: UserKey | None = None,
        solution_db: str | None = None,
        attachment_id: int | None = None,
        expiry_date: date | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[rows.DocumentsOverview]:
        """As `Documents.overview`, row after row from a cursor of the server's."""
        return self._run.stream(
            DOCUMENTS_OVERVIEW.of_view(
                self._run.schema,
                {
                    "id": id,
                    "company_id": company_id,
                    "state": state,
                    "document_type_id": document_type_id,
                    "category_id": category_id,
                    "created_by_id": created_by_id,
                    "approved_by_id": approved_by_id,
                    "solution_db": solution_db,
                    "attachment_id": attachment_id,
                    "expiry_date": expiry_date,
                },
                since=since,
                until=until,
            )
        )

    async def details(self, *, id: int) -> rows.DocumentsDetails | None:
        """As `Documents.details`, without blocking."""
        return await self._run.one(DOCUMENTS_DETAILS.of_view(self._run.schema, {"id": id}))

    async def pending_approvals(
        self,
        *,
        id: int | None = None,
        approver_id: UserKey | None = None,
        workflow_id: int | None = None,
        document_id: int | None = None,
        is_turn: bool | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.DocumentsPendingApprovals]:
        """As `Documents.pending_approvals`, without blocking."""
        return await self._run.page(
            DOCUMENTS_PENDING_APPROVALS,
            DOCUMENTS_PENDING_APPROVALS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "approver_id": approver_id,
                    "workflow_id": workflow_id,
                    "document_id": document_id,
                    "is_turn": is_turn,
                },
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_pending_approvals(
        self,
        *,
        id: int | None = None,
        approver_id: UserKey | None = None,
        workflow_id: int | None = None,
        document_id: int | None = None,
        is_turn: bool | None = None,
    ) -> AsyncIterator[rows.DocumentsPendingApprovals]:
        """As `Documents.pending_approvals`, row after row from a cursor of the server's."""
        return self._run.stream(
            DOCUMENTS_PENDING_APPROVALS.of_view(
                self._run.schema,
                {
                    "id": id,
                    "approver_id": approver_id,
                    "workflow_id": workflow_id,
                    "document_id": document_id,
                    "is_turn": is_turn,
                },
            )
        )

    async def search(
        self,
        company_id: str,
        query: str,
        *,
        state: str | None = None,
        document_type_id: int | None = None,
        category_id: int | None = None,
        page_size: int | None = None,
        after_rank: float | None = None,
        after_id: int | None = None,
    ) -> Page[rows.DocumentsSearch]:
        """As `Documents.search`, without blocking."""
        return await self._run.page(
            DOCUMENTS_SEARCH,
            DOCUMENTS_SEARCH.of_function(
                self._run.schema,
                company_id=company_id,
                query=query,
                state=state,
                document_type_id=document_type_id,
                category_id=category_id,
                page_size=page_size,
                after_rank=after_rank,
                after_id=after_id,
            ),
            None,
        )

    async def by_metadata(
        self,
        company_id: str,
        metadata: Json,
        *,
        page_size: int | None = None,
        after_created_at: datetime | None = None,
        after_id: int | None = None,
    ) -> Page[rows.DocumentsByMetadata]:
        """As `Documents.by_metadata`, without blocking."""
        return await self._run.page(
            DOCUMENTS_BY_METADATA,
            DOCUMENTS_BY_METADATA.of_function(
                self._run.schema,
                company_id=company_id,
                metadata=metadata,
                page_size=page_size,
                after_created_at=after_created_at,
                after_id=after_id,
            ),
            None,
        )

    async def expiring(
        self, company_id: str, *, within_days: int | None = None, on_date: date | None = None
    ) -> Page[rows.DocumentsExpiring]:
        """As `Documents.expiring`, without blocking."""
        return await self._run.page(
            DOCUMENTS_EXPIRING,
            DOCUMENTS_EXPIRING.of_function(
                self._run.schema, company_id=company_id, within_days=within_days, on_date=on_date
            ),
            None,
        )

    async def expired(
        self, company_id: str, *, since: date | None = None, page_size: int | None = None, on_date: date | None = None
    ) -> Page[rows.DocumentsExpired]:
        """As `Documents.expired`, without blocking."""
        return await self._run.page(
            DOCUMENTS_EXPIRED,
            DOCUMENTS_EXPIRED.of_function(
                self._run.schema, company_id=company_id, since=since, page_size=page_size, on_date=on_date
            ),
            None,
        )

    async def storage(self, company_id: str) -> rows.DocumentsStorage:
        """As `Documents.storage`, without blocking."""
        return await self._run.always(DOCUMENTS_STORAGE.of_function(self._run.schema, company_id=company_id))

    async def storage_by_type(self, company_id: str) -> Page[rows.DocumentsStorageByType]:
        """As `Documents.storage_by_type`, without blocking."""
        return await self._run.page(
            DOCUMENTS_STORAGE_BY_TYPE,
            DOCUMENTS_STORAGE_BY_TYPE.of_function(self._run.schema, company_id=company_id),
            None,
        )

    async def statistics(self, company_id: str, *, on_date: date | None = None) -> rows.DocumentsStatistics:
        """As `Documents.statistics`, without blocking."""
        return await self._run.always(
            DOCUMENTS_STATISTICS.of_function(self._run.schema, company_id=company_id, on_date=on_date)
        )


class AsyncLicensing:
    """What a solution's licence allows today."""

    def __init__(self, run: AsyncRunner) -> None:
        self._run = run

    async def licenses(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        license_type: str | None = None,
        status: str | None = None,
        effective_status: str | None = None,
        source: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.LicensingLicenses]:
        """As `Licensing.licenses`, without blocking."""
        return await self._run.page(
            LICENSING_LICENSES,
            LICENSING_LICENSES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "license_type": license_type,
                    "status": status,
                    "effective_status": effective_status,
                    "source": source,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_licenses(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        license_type: str | None = None,
        status: str | None = None,
        effective_status: str | None = None,
        source: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[rows.LicensingLicenses]:
        """As `Licensing.licenses`, row after row from a cursor of the server's."""
        return self._run.stream(
            LICENSING_LICENSES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "solution_name": solution_name,
                    "license_type": license_type,
                    "status": status,
                    "effective_status": effective_status,
                    "source": source,
                },
                since=since,
                until=until,
            )
        )

    async def license(self, solution_name: str, *, on_date: date | None = None) -> rows.LicensingLicense | None:
        """As `Licensing.license`, without blocking."""
        return await self._run.one(
            LICENSING_LICENSE.of_function(self._run.schema, solution_name=solution_name, on_date=on_date)
        )

    async def feature(
        self, solution_name: str, feature_name: str, *, on_date: date | None = None
    ) -> rows.LicensingFeature:
        """As `Licensing.feature`, without blocking."""
        return await self._run.always(
            LICENSING_FEATURE.of_function(
                self._run.schema, solution_name=solution_name, feature_name=feature_name, on_date=on_date
            )
        )

    async def features(self, solution_name: str, *, on_date: date | None = None) -> Page[rows.LicensingFeatures]:
        """As `Licensing.features`, without blocking."""
        return await self._run.page(
            LICENSING_FEATURES,
            LICENSING_FEATURES.of_function(self._run.schema, solution_name=solution_name, on_date=on_date),
            None,
        )

    async def usage(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        feature_name: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.LicensingUsage]:
        """As `Licensing.usage`, without blocking."""
        return await self._run.page(
            LICENSING_USAGE,
            LICENSING_USAGE.of_view(
                self._run.schema,
                {"id": id, "solution_name": solution_name, "feature_name": feature_name},
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_usage(
        self,
        *,
        id: int | None = None,
        solution_name: str | None = None,
        feature_name: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[rows.LicensingUsage]:
        """As `Licensing.usage`, row after row from a cursor of the server's."""
        return self._run.stream(
            LICENSING_USAGE.of_view(
                self._run.schema,
                {"id": id, "solution_name": solution_name, "feature_name": feature_name},
                since=since,
                until=until,
            )
        )


class AsyncOperations:
    """Requests, cache, handshakes, tokens and business rules."""

    def __init__(self, run: AsyncRunner) -> None:
        self._run = run

    async def requests(
        self,
        *,
        id: int | None = None,
        user_id: UserKey | None = None,
        database_id: int | None = None,
        status_code: int | None = None,
        path: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.OperationsRequests]:
        """As `Operations.requests`, without blocking."""
        return await self._run.page(
            OPERATIONS_REQUESTS,
            OPERATIONS_REQUESTS.of_view(
                self._run.schema,
                {"id": id, "user_id": user_id, "database_id": database_id, "status_code": status_code, "path": path},
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_requests(
        self,
        *,
        id: int | None = None,
        user_id: UserKey | None = None,
        database_id: int | None = None,
        status_code: int | None = None,
        path: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[rows.OperationsRequests]:
        """As `Operations.requests`, row after row from a cursor of the server's."""
        return self._run.stream(
            OPERATIONS_REQUESTS.of_view(
                self._run.schema,
                {"id": id, "user_id": user_id, "database_id": database_id, "status_code": status_code, "path": path},
                since=since,
                until=until,
            )
        )

    async def requests_by_path(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> Page[rows.OperationsRequestsByPath]:
        """As `Operations.requests_by_path`, without blocking."""
        return await self._run.page(
            OPERATIONS_REQUESTS_BY_PATH,
            OPERATIONS_REQUESTS_BY_PATH.of_function(self._run.schema, since=since, until=until),
            None,
        )

    async def requests_by_status(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> Page[rows.OperationsRequestsByStatus]:
        """As `Operations.requests_by_status`, without blocking."""
        return await self._run.page(
            OPERATIONS_REQUESTS_BY_STATUS,
            OPERATIONS_REQUESTS_BY_STATUS.of_function(self._run.schema, since=since, until=until),
            None,
        )

    async def requests_over_time(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        bucket: timedelta | None = None,
        origin: datetime | None = None,
    ) -> Page[rows.OperationsRequestsOverTime]:
        """As `Operations.requests_over_time`, without blocking."""
        return await self._run.page(
            OPERATIONS_REQUESTS_OVER_TIME,
            OPERATIONS_REQUESTS_OVER_TIME.of_function(
                self._run.schema, since=since, until=until, bucket=bucket, origin=origin
            ),
            None,
        )

    async def cached(self, key: str, *, at: datetime | None = None) -> Json | None:
        """As `Operations.cached`, without blocking."""
        value: Json | None = await self._run.scalar(OPERATIONS_CACHED.of_function(self._run.schema, key=key, at=at))
        return value

    async def cache(
        self, *, database_name: str | None = None, after: str | None = None, limit: int = 50
    ) -> Page[rows.OperationsCache]:
        """As `Operations.cache`, without blocking."""
        return await self._run.page(
            OPERATIONS_CACHE,
            OPERATIONS_CACHE.of_view(self._run.schema, {"database_name": database_name}, after=after, limit=limit),
            limit,
        )

    def stream_cache(self, *, database_name: str | None = None) -> AsyncIterator[rows.OperationsCache]:
        """As `Operations.cache`, row after row from a cursor of the server's."""
        return self._run.stream(OPERATIONS_CACHE.of_view(self._run.schema, {"database_name": database_name}))

    async def handshakes(
        self,
        *,
        id: int | None = None,
        handshake_id: str | None = None,
        solution_name: str | None = None,
        status: str | None = None,
        is_valid: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.OperationsHandshakes]:
        """As `Operations.handshakes`, without blocking."""
        return await self._run.page(
            OPERATIONS_HANDSHAKES,
            OPERATIONS_HANDSHAKES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "handshake_id": handshake_id,
                    "solution_name": solution_name,
                    "status": status,
                    "is_valid": is_valid,
                },
                since=since,
                until=until,
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_handshakes(
        self,
        *,
        id: int | None = None,
        handshake_id: str | None = None,
        solution_name: str | None = None,
        status: str | None = None,
        is_valid: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[rows.OperationsHandshakes]:
        """As `Operations.handshakes`, row after row from a cursor of the server's."""
        return self._run.stream(
            OPERATIONS_HANDSHAKES.of_view(
                self._run.schema,
                {
                    "id": id,
                    "handshake_id": handshake_id,
                    "solution_name": solution_name,
                    "status": status,
                    "is_valid": is_valid,
                },
                since=since,
                until=until,
            )
        )

    async def handshake(self, handshake_id: str, *, at: datetime | None = None) -> rows.OperationsHandshake | None:
        """As `Operations.handshake`, without blocking."""
        return await self._run.one(OPERATIONS_HANDSHAKE.of_function(self._run.schema, handshake_id=handshake_id, at=at))

    async def verified_handshake(
        self, handshake_id: str, secret_key: str, *, at: datetime | None = None
    ) -> rows.OperationsVerifiedHandshake | None:
        """As `Operations.verified_handshake`, without blocking."""
        return await self._run.one(
            OPERATIONS_VERIFIED_HANDSHAKE.of_function(
                self._run.schema, handshake_id=handshake_id, secret_key=secret_key, at=at
            )
        )

    async def token_owner(self, token: str, *, at: datetime | None = None) -> rows.OperationsTokenOwner | None:
        """As `Operations.token_owner`, without blocking."""
        return await self._run.one(OPERATIONS_TOKEN_OWNER.of_function(self._run.schema, token=token, at=at))

    async def business_rules(
        self,
        *,
        id: int | None = None,
        model_name: str | None = None,
        rule_type: str | None = None,
        is_active: bool | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[rows.OperationsBusinessRules]:
        """As `Operations.business_rules`, without blocking."""
        return await self._run.page(
            OPERATIONS_BUSINESS_RULES,
            OPERATIONS_BUSINESS_RULES.of_view(
                self._run.schema,
                {"id": id, "model_name": model_name, "rule_type": rule_type, "is_active": is_active},
                after=after,
                limit=limit,
            ),
            limit,
        )

    def stream_business_rules(
        self,
        *,
        id: int | None = None,
        model_name: str | None = None,
        rule_type: str | None = None,
        is_active: bool | None = None,
    ) -> AsyncIterator[rows.OperationsBusinessRules]:
        """As `Operations.business_rules`, row after row from a cursor of the server's."""
        return self._run.stream(
            OPERATIONS_BUSINESS_RULES.of_view(
                self._run.schema, {"id": id, "model_name": model_name, "rule_type": rule_type, "is_active": is_active}
            )
        )


class AsyncSuite:
    """What goes across all of FBS."""

    def __init__(self, run: AsyncRunner) -> None:
        self._run = run

    async def deadlines(
        self,
        solution_name: str,
        *,
        since: date | None = None,
        until: date | None = None,
        page_size: int | None = None,
        on_date: date | None = None,
    ) -> Page[rows.SuiteDeadlines]:
        """As `Suite.deadlines`, without blocking."""
        return await self._run.page(
            SUITE_DEADLINES,
            SUITE_DEADLINES.of_function(
                self._run.schema,
                solution_name=solution_name,
                since=since,
                until=until,
                page_size=page_size,
                on_date=on_date,
            ),
            None,
        )


class AsyncGroups:
    """All that can be read."""

    def __init__(self, run: AsyncRunner) -> None:
        self.approvals = AsyncApprovals(run)
        self.notifications = AsyncNotifications(run)
        self.msme = AsyncMsme(run)
        self.workflow = AsyncWorkflow(run)
        self.bi = AsyncBi(run)
        self.compliance = AsyncCompliance(run)
        self.accounting = AsyncAccounting(run)
        self.discovery = AsyncDiscovery(run)
        self.custom_fields = AsyncCustomFields(run)
        self.documents = AsyncDocuments(run)
        self.licensing = AsyncLicensing(run)
        self.operations = AsyncOperations(run)
        self.suite = AsyncSuite(run)

"""Builders of valid records: each needs no argument, and takes any field by name.

Every record that is built has a key of its own, so that two of them can be stored side by side. All names can be
imported from here.
"""

from ticketcore.testing.records.builders import (
    BUILDERS,
    LATER,
    NOW,
    make_assign_rule,
    make_comment,
    make_history_entry,
    make_job_state,
    make_link,
    make_outbox_message,
    make_person,
    make_pull_request_ticket,
    make_record,
    make_schedule,
    make_signoff,
    make_sla_policy,
    make_task,
    make_template,
    make_ticket,
    make_time_entry,
    make_user,
    make_version_row,
    new_guid,
)
from ticketcore.testing.records.hard import HARD_LINES, HARD_TEXT, hard_records
from ticketcore.testing.records.strategies import random_queries, random_tickets

__all__ = [
    "BUILDERS",
    "HARD_LINES",
    "HARD_TEXT",
    "LATER",
    "NOW",
    "hard_records",
    "make_assign_rule",
    "make_comment",
    "make_history_entry",
    "make_job_state",
    "make_link",
    "make_outbox_message",
    "make_person",
    "make_pull_request_ticket",
    "make_record",
    "make_schedule",
    "make_signoff",
    "make_sla_policy",
    "make_task",
    "make_template",
    "make_ticket",
    "make_time_entry",
    "make_user",
    "make_version_row",
    "new_guid",
    "random_queries",
    "random_tickets",
]

"""Puts the parts together: the one place that knows which adapter is behind which port."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from activities.ledger import LedgerActivities
from activities.notices import NoticeActivities
from activities.planning import PlanningActivities
from activities.reviewers import ReviewerActivities
from placet.access.config import RoleFolder
from placet.directory import YamlDirectory
from placet.heartbeats import Heartbeats
from placet.interceptors import LogContext
from placet.notify.files import build_notifier
from placet.pipelines.pipeline import Surroundings
from placet.policy.loader import PolicyFolder
from placet.ports import DirectoryPort, Ledger, Notifier, PolicyPort
from placet.publishing.config import read_targets
from placet.registry import PIPELINES, workflows
from placet.runner import CaseRunner
from placet.settings import Settings
from placet.sources.catalogue import CatalogueFolder
from placet.sources.postgres import PostgresSources

GRACE = timedelta(seconds=30)
BEAT = timedelta(seconds=2)
SLOTS = 100
CACHED = 1_000


def build_worker(  # noqa: PLR0913 - tests replace any of the parts
    client: Client,
    settings: Settings,
    ledger: Ledger,
    *,
    policies: PolicyPort | None = None,
    directory: DirectoryPort | None = None,
    notifier: Notifier | None = None,
    graceful: timedelta = GRACE,
) -> Worker:
    """Return a worker with every pipeline and every activity.

    Args:
        client: Connected to Temporal.
        settings: Where everything is.
        ledger: Where everything is written.
        policies: Instead of those in the settings' directory.
        directory: Instead of the one in the settings' directory.
        notifier: Instead of the one that the settings name.
        graceful: How long what is under way may take when the worker stops.

    Raises:
        InvalidInputError: A policy, the directory or the catalogue has mistakes; the message
            names each place.
        UnavailableError: What an effect needs cannot be used.
    """
    policies = policies or PolicyFolder(settings.policies)
    directory = directory or YamlDirectory(settings.policies / "directory.yaml")
    doors = {pipeline.name: pipeline.door for pipeline in PIPELINES}
    surround = partial(
        Surroundings,
        targets=lambda: read_targets(settings).locations,
        catalogue=CatalogueFolder(settings.policies).get,
        sources=PostgresSources(),
        roles=RoleFolder(settings.policies).get,
        people=directory.snapshot,
    )
    planning = PlanningActivities(policies, directory, ledger, doors, surround)
    reviewers = ReviewerActivities(directory)
    writing = LedgerActivities(ledger)
    notices = NoticeActivities(notifier or build_notifier(settings), ledger)
    effects = [each for pipeline in PIPELINES for each in pipeline.effects(settings, ledger)]
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=workflows(PIPELINES),
        activities=[
            planning.make_plan,
            planning.open_stage,
            reviewers.assess,
            writing.append,
            notices.deliver,
            *effects,
        ],
        interceptors=[LogContext(), Heartbeats()],
        # Temporal's library holds beats back for as long as it is allowed to.
        max_heartbeat_throttle_interval=BEAT,
        activity_executor=ThreadPoolExecutor(SLOTS),
        max_concurrent_activities=SLOTS,
        max_concurrent_local_activities=SLOTS,
        max_cached_workflows=CACHED,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        graceful_shutdown_timeout=graceful,
        workflow_runner=CaseRunner(),
    )

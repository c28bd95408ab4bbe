"""Runs workflows in Temporal's sandbox, and lets none of them be wedged by how it was started.

Temporal's library forgets that a workflow takes its argument raw when it was started with two. It
then decodes them, calls the workflow with one too many, and fails the first task for ever. So
several arguments become one before it sees them, and the gate says what is wrong with it (rule 8).
"""

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from workflows.raw import several


class CaseRunner(SandboxedWorkflowRunner):
    """The sandbox, in which every workflow has one argument or none."""

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """Create an instance whose start carries one argument at most."""
        instance = super().create_instance(det)
        activate = instance.activate

        def with_one_argument(act: WorkflowActivation) -> WorkflowActivationCompletion:
            for job in act.jobs:
                arguments = job.initialize_workflow.arguments
                if job.HasField("initialize_workflow") and len(arguments) > 1:
                    one = several(len(arguments))
                    del arguments[:]
                    arguments.append(one)
            return activate(act)

        instance.activate = with_one_argument  # type: ignore[method-assign]
        return instance

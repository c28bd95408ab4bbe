"""Every pipeline Placet runs, a line each: see `docs/add-a-pipeline.md`."""

from placet.pipelines.expense import prepare_expense
from placet.pipelines.pipeline import Pipeline
from workflows.expense import Expense

PIPELINES: tuple[Pipeline, ...] = (Pipeline("expense", Expense, prepare_expense),)

"""`doctor`: whether a run and a restore would work, each question in a function, each answer with its remedy."""

from drtool.app.doctor.grants import grants
from drtool.app.doctor.notifiers import notify_test
from drtool.app.doctor.questions import QUESTIONS, doctor

__all__ = ["QUESTIONS", "doctor", "grants", "notify_test"]

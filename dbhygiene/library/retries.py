"""`RETRIES`: libraries that repeat a function after an error: decorators, and the arguments that name the errors."""

from __future__ import annotations

from dbhygiene.library.words import words

# Decorator -> the position of the classes of errors among its arguments, and the options that take them.
RETRIES: dict[str, tuple[int | None, tuple[str, ...]]] = {
    "tenacity.retry": (None, ("retry",)),
    "backoff.on_exception": (1, ("exception",)),
    "retrying.retry": (None, ("retry_on_exception",)),
    "retry.retry": (0, ("exceptions",)),
    "retry.api.retry": (0, ("exceptions",)),
    "retry2.retry": (0, ("exceptions",)),
    "stamina.retry": (None, ("on",)),
}
# What a loop iterates to try again: `for attempt in Retrying(): with attempt: ...`. It ends once nothing is raised.
RETRY_LOOPS = words("tenacity.Retrying tenacity.AsyncRetrying tenacity.asyncio.AsyncRetrying stamina.retry_context")
# Functions that make a condition of classes of errors.
CONDITIONS = words("retry_if_exception_type retry_if_exception_cause_type")
# Options by which a program's own function runs between two tries.
HOOKS = words("before after before_sleep retry_error_callback on_backoff on_giveup wrap_exception")
CELERY_OPTION = "autoretry_for"
# Of these decorators, those that do nothing for a generator function: they call it, and nothing has run yet.
USELESS_FOR_GENERATORS = frozenset(RETRIES) - {"stamina.retry"}
# Of these decorators, the options that end the tries, or put a pause between them: by default, there is neither.
LIMITS: dict[str, frozenset[str | None]] = {
    "tenacity.retry": words("stop wait sleep"),
    "retrying.retry": words(
        """stop_max_attempt_number stop_max_delay wait_fixed wait_random_min wait_random_max stop wait stop_func
        wait_func wait_exponential_multiplier wait_incrementing_start"""
    ),
    "retry.retry": words("tries delay"),
    "retry.api.retry": words("tries delay"),
    "retry2.retry": words("tries delay"),
}

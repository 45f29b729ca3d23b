"""What can go wrong between a client and its daemon besides refusals."""

from weft.storage import SessionThreadException

__all__ = ["AccessDenied", "DaemonFault", "DaemonUnreachable"]


class DaemonUnreachable(SessionThreadException):
    """The daemon does not answer, or the connection broke before the answer."""

    remedy = (
        "Look whether it runs and where it listens; repeat the operation with the "
        "same op_id to learn whether it was applied."
    )
    http_status = 503
    exit_code = 69


class AccessDenied(SessionThreadException):
    """The token is missing or wrong, or may not do this."""

    remedy = "Use a token that may: connect(url, token=...)."
    http_status = 403
    exit_code = 77


class DaemonFault(SessionThreadException):
    """The daemon answered with a failure that is none of the runtime's.

    Its ``details`` have the ``status`` of HTTP.
    """

    remedy = "Look at the details and at the daemon's log."
    http_status = 502
    exit_code = 70

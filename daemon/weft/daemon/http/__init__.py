"""The daemon over HTTP: typed endpoints, problems, streams, and who may ask.

Endpoints are functions in a :class:`Table`; :data:`TABLES` in
:mod:`weft.daemon.http.tables` lists the tables, and :func:`weft.daemon.app.create_app`
makes an application of them.
"""

from weft.daemon.http.call import Call, Reply
from weft.daemon.http.decoding import Id, Name
from weft.daemon.http.endpoint import Endpoint, Table
from weft.daemon.http.principals import Principal, Scope
from weft.daemon.http.problems import Fault, Problem, RequestFault, problem
from weft.daemon.http.site import HttpSettings, Served
from weft.daemon.http.streams import EventBuffer, EventStream, ServerEvent
from weft.daemon.http.tokens import TokenError, Tokens

__all__ = [
    "Call",
    "Endpoint",
    "EventBuffer",
    "EventStream",
    "Fault",
    "HttpSettings",
    "Id",
    "Name",
    "Principal",
    "Problem",
    "Reply",
    "RequestFault",
    "Scope",
    "Served",
    "ServerEvent",
    "Table",
    "TokenError",
    "Tokens",
    "problem",
]

"""Calls to the platform's hosts, answered by a server in this process: ``MockServer.intercept()``.
May import: the rest of ``testing`` and below.

A client keeps its code, its URLs and its HTTP parser. Only the connection beneath is another: two streams of bytes
in memory (``pipe``), with uvicorn's own protocol at the far end. So what the server does to a connection (a
reset, a truncated body, a silence) reaches the client as its library reports it in real life, and every call passes
the journal and the conformance checks as any other. No socket, name look-up or certificate takes part.

How each library is reached, and why so. None offers a hook for a whole process; each has a public seam for one client.
The seam is used, and one public method is replaced for the time being, so that clients made earlier and connections
kept open are caught too, and proxies do not matter:

- httpx, httpcore: ``network_backend=`` of a httpcore pool is public and fits exactly. ``handle_request`` and
  ``handle_async_request`` of its pools are replaced, as respx does. Pools of proxies inherit them. Replacing them in
  httpx, as pytest-httpx does, would need httpx's private mapping of errors.
- requests, urllib3, botocore: ``ConnectionCls`` of a urllib3 pool is public; ``urlopen`` of pools is replaced.
  ``responses`` replaces ``HTTPAdapter.send``, which misses urllib3 itself, and builds its answers without a parser.
- aiohttp: a connector is public, and ``_create_connection`` is what its documentation asks a connector to define;
  ``BaseConnector.connect`` is replaced. aioresponses replaces ``ClientSession._request`` and so loses timeouts,
  redirects and the parser.
- urllib.request, http.client: ``connect`` and ``putrequest`` of connections are replaced. wsgi-intercept puts a
  subclass in the place of the connection's class; it speaks WSGI, which knows neither a reset nor an answer that ends
  early.

A library kept for this would be one more dependency for each client, and none of them carries bytes.
"""

from mock_server.testing.intercept.claims import NotCovered

__all__ = ["NotCovered"]

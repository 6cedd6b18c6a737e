"""Clients that have all the properties of ``kirin-mock verify client``: examples, and adapters to try it with."""

from mock_server.verify.client.reference_clients.asynchronous import Asynchronous
from mock_server.verify.client.reference_clients.light import Light, LightQueued
from mock_server.verify.client.reference_clients.queued import Queued
from mock_server.verify.client.reference_clients.reference import Reference

__all__ = ["Asynchronous", "Light", "LightQueued", "Queued", "Reference"]

"""``python -m kirin_mock`` is ``kirin-mock``."""

import sys

from mock_server.cli.main import main

sys.exit(main())

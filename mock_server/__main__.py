"""``python -m mock_server`` is ``kirin-mock``."""

import sys

from mock_server.cli.main import main

sys.exit(main())

#!/bin/sh
# A Python without packages.
exec env -u PYTHONPATH python3 -I -S "$@"

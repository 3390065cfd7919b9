"""Controls a puppet that was started with `--api 39600`; needs `pip install websockets`.

PUPPET_TOKEN=$(puppet token) python docs/api_client.py 39600 use Iris
"""

import json
import os
import sys

from websockets.sync.client import connect

port, verb, *avatar = sys.argv[1:]
request = {"do": verb} | ({"avatar": avatar[0]} if avatar else {})
token = {"Authorization": f"Bearer {os.environ['PUPPET_TOKEN']}"}
with connect(f"ws://127.0.0.1:{port}", additional_headers=token, proxy=None) as puppet:
    puppet.send(json.dumps(request))
    answer = json.loads(puppet.recv())
print(json.dumps(answer, indent=1))
sys.exit(not answer["ok"])

"""usage: iam_server.py PORT FILE: moto's S3 and IAM, every request signed and permitted.

FILE is JSON: {"buckets": [NAME...], "users": {NAME: POLICY...}}. Each user gets the policy and a key;
roles of the same names get it, too, and a session each. The keys are printed as one line of JSON.

What moto leaves out of the rules is filled in here, and nothing else is changed:
  - conditions on requests: a statement whose condition does not hold does not count. moto knows none
    of the keys of S3, and takes a condition that it does not know for a denial of everything.
  - a reader that may not list gets 403, not 404, of what is missing.
"""

import fnmatch
import json
import os
import sys
import threading

os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "0"

from moto.iam import access_control
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.server import main
from moto.sts.models import sts_backends

ACCOUNT = "123456789012"
REGION = "eu-central-1"
asked = threading.local()


def holds(condition):
    values = asked.values
    for operator, keys in condition.items():
        for key, wanted in keys.items():
            wanted = wanted if isinstance(wanted, list) else [wanted]
            if operator == "Null":
                fits = (key not in values) == (wanted == ["true"])
            elif operator == "StringLike":
                fits = key in values and any(fnmatch.fnmatchcase(values[key], one) for one in wanted)
            else:
                raise SystemExit(f"the test server does not know the condition {operator}")
            if not fits:
                return False
    return True


statement_permits = access_control.IAMPolicyStatement.is_action_permitted


def is_action_permitted(self, *args, **more):
    statement = dict(self._statement)
    if not holds(statement.pop("Condition", {})):
        return access_control.PermissionResult.NEUTRAL
    return statement_permits(access_control.IAMPolicyStatement(statement), *args, **more)


access_control.IAMPolicyStatement.is_action_permitted = is_action_permitted
request_permitted = access_control.IAMRequestBase.check_action_permitted


def check_action_permitted(self, resource):
    headers = {name.lower(): value for name, value in dict(self._headers).items()}
    names = {"s3:if-none-match": "if-none-match", "s3:if-match": "if-match"}
    asked.values = {key: headers[header] for key, header in names.items() if header in headers}
    prefix = self._data.get("prefix")
    if prefix:
        asked.values["s3:prefix"] = prefix[0] if isinstance(prefix, list) else prefix
    request_permitted(self, resource)
    bucket, _, key = resource.partition(":::")[2].partition("/")
    if self._action == "s3:GetObject":
        there = s3_backends[ACCOUNT]["aws"].buckets.get(bucket)
        if there is not None and key not in there.keys:
            asked.values = {"s3:prefix": key}
            self._action = "s3:ListBucket"
            request_permitted(self, f"arn:aws:s3:::{bucket}")


access_control.IAMRequestBase.check_action_permitted = check_action_permitted


def prepare(wanted):
    keys = {}
    iam = iam_backends[ACCOUNT]["aws"]
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
    for bucket in wanted["buckets"]:
        s3_backends[ACCOUNT]["aws"].create_bucket(bucket, REGION)
    for name, policy in wanted["users"].items():
        policy = json.dumps(policy)
        iam.create_user("aws", name)
        iam.put_user_policy(name, "policy", policy)
        key = iam.create_access_key(name)
        iam.create_role(name, json.dumps(trust), "/", None, "", [], "3600")
        iam.put_role_policy(name, "policy", policy)
        role = f"arn:aws:iam::{ACCOUNT}:role/{name}"
        session = sts_backends[ACCOUNT]["aws"].assume_role(REGION, "session", role, "", 3600, "")
        keys[name] = {
            "id": key.access_key_id,
            "secret": key.secret_access_key,
            "session": {
                "access_key_id": session.access_key_id,
                "secret_access_key": session.secret_access_key,
                "session_token": session.session_token,
            },
        }
    return keys


if __name__ == "__main__":
    with open(sys.argv[2]) as file:
        print(json.dumps(prepare(json.load(file))), flush=True)
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])

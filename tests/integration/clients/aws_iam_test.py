"""`aws iam`, `aws sts` and boto3 as they are: users, groups, roles, policies, keys, sessions and web
identities, and that what they may do at the S3 door follows at once."""
import json
import shutil
import sys
import unittest

import clients_case
from clients_case import CairnServer, ClientCase
from oidc_issuer import Issuer

ALLOW_READ = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}]}
ALLOW_S3 = {"Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
ACCOUNT = "000000000001"
S3_FULL = "arn:aws:iam::aws:policy/AmazonS3FullAccess"


def trust(principal, action="sts:AssumeRole", condition=None):
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class AwsIam(ClientCase):
    @classmethod
    def setUpClass(cls):
        cls.issuer = Issuer().__enter__()
        cls.server = CairnServer(cores=2, args=["--oidc-private-issuers", cls.issuer.host])
        cls.server.start()
        cls.root = cls.server.boto3_client()
        cls.root.create_bucket(Bucket="shared")
        cls.root.put_object(Bucket="shared", Key="file", Body=b"content")

    @classmethod
    def tearDownClass(cls):
        cls.server.close()
        cls.issuer.__exit__()

    # Clients -----------------------------------------------------------------------------------
    def client(self, service, credentials=None, config=None):
        import boto3
        from botocore import UNSIGNED
        from botocore.config import Config
        settings = Config(retries={"max_attempts": 0}, proxies={}, connect_timeout=10)
        if config is not None:
            settings = settings.merge(config)
        if credentials == "unsigned":
            settings = settings.merge(Config(signature_version=UNSIGNED))
            credentials = None
        key = credentials or {"AccessKeyId": self.server.access_key,
                              "SecretAccessKey": self.server.secret_key}
        if service == "s3":
            settings = settings.merge(Config(s3={"addressing_style": "path"}))
        return boto3.client(service, endpoint_url=self.server.endpoint, region_name="us-east-1",
                            aws_access_key_id=key["AccessKeyId"],
                            aws_secret_access_key=key["SecretAccessKey"],
                            aws_session_token=key.get("SessionToken"), config=settings)

    def aws(self, *command, check=True):
        result = self.run_aws(command)
        if check:
            self.assertEqual(result.returncode, 0, result.stderr)
            return json.loads(result.stdout) if result.stdout.strip() else None
        return result

    def run_aws(self, command):
        import subprocess
        return subprocess.run(["aws", "--endpoint-url", self.server.endpoint, "--output", "json",
                               *command], env=self.server.client_env(), capture_output=True,
                              text=True, timeout=120)

    def code_of(self, call, **parameters):
        """The error code and status of a call that must fail."""
        from botocore.exceptions import ClientError
        with self.assertRaises(ClientError) as caught:
            call(**parameters)
        response = caught.exception.response
        return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]

    def make_user(self, name, policy=None):
        iam = self.client("iam")
        iam.create_user(UserName=name)
        if policy:
            iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=json.dumps(policy))
        return iam.create_access_key(UserName=name)["AccessKey"]

    def may_read(self, credentials):
        return self.outcome(self.client("s3", credentials).get_object, Bucket="shared", Key="file")

    def may_write(self, credentials):
        return self.outcome(self.client("s3", credentials).put_object, Bucket="shared", Key="new",
                            Body=b"x")

    def outcome(self, call, **parameters):
        from botocore.exceptions import ClientError
        try:
            call(**parameters)
            return "ok"
        except ClientError as error:
            return error.response["Error"]["Code"]

    # The command line ---------------------------------------------------------------------------
    def test_command_line_of_iam_and_sts(self):
        self.assertEqual(self.aws("sts", "get-caller-identity")["Arn"],
                         f"arn:aws:iam::{ACCOUNT}:root")
        user = self.aws("iam", "create-user", "--user-name", "cli", "--path", "/staff/", "--tags",
                        "Key=team,Value=red")["User"]
        self.assertEqual(user["Arn"], f"arn:aws:iam::{ACCOUNT}:user/staff/cli")
        self.assertEqual(user["Tags"], [{"Key": "team", "Value": "red"}])
        self.aws("iam", "create-group", "--group-name", "cli-group")
        self.aws("iam", "add-user-to-group", "--group-name", "cli-group", "--user-name", "cli")
        self.aws("iam", "attach-group-policy", "--group-name", "cli-group", "--policy-arn", S3_FULL)
        self.aws("iam", "put-user-policy", "--user-name", "cli", "--policy-name", "p",
                 "--policy-document", json.dumps(ALLOW_READ))
        shown = self.aws("iam", "get-user-policy", "--user-name", "cli", "--policy-name", "p")
        self.assertEqual(shown["PolicyDocument"], ALLOW_READ)
        names = self.aws("iam", "list-user-policies", "--user-name", "cli")["PolicyNames"]
        self.assertEqual(names, ["p"])
        key = self.aws("iam", "create-access-key", "--user-name", "cli")["AccessKey"]
        self.assertEqual(self.may_write(key), "ok")
        self.aws("iam", "update-access-key", "--user-name", "cli", "--access-key-id",
                 key["AccessKeyId"], "--status", "Inactive")
        self.assertEqual(self.may_write(key), "InvalidAccessKeyId")
        refused = self.aws("iam", "delete-user", "--user-name", "cli", check=False)
        self.assertIn("DeleteConflict", refused.stderr)
        self.aws("iam", "delete-access-key", "--user-name", "cli", "--access-key-id",
                 key["AccessKeyId"])
        self.aws("iam", "remove-user-from-group", "--group-name", "cli-group", "--user-name", "cli")
        self.aws("iam", "delete-user-policy", "--user-name", "cli", "--policy-name", "p")
        self.aws("iam", "delete-user", "--user-name", "cli")
        self.assertIn("NoSuchEntity", self.aws("iam", "get-user", "--user-name", "cli",
                                               check=False).stderr)

    # Users and what they may do ------------------------------------------------------------------
    def test_rights_follow_at_once(self):
        iam = self.client("iam")
        key = self.make_user("anna")
        self.assertEqual(self.may_read(key), "AccessDenied")
        iam.put_user_policy(UserName="anna", PolicyName="r", PolicyDocument=json.dumps(ALLOW_READ))
        self.assertEqual((self.may_read(key), self.may_write(key)), ("ok", "AccessDenied"))
        iam.attach_user_policy(UserName="anna", PolicyArn=S3_FULL)
        self.assertEqual(self.may_write(key), "ok")
        boundary = iam.create_policy(PolicyName="only-read",
                                     PolicyDocument=json.dumps(ALLOW_READ))["Policy"]["Arn"]
        iam.put_user_permissions_boundary(UserName="anna", PermissionsBoundary=boundary)
        self.assertEqual((self.may_read(key), self.may_write(key)), ("ok", "AccessDenied"))
        self.assertEqual(self.code_of(iam.delete_policy, PolicyArn=boundary), ("DeleteConflict", 409))
        iam.delete_user_permissions_boundary(UserName="anna")
        self.assertEqual(self.may_write(key), "ok")
        iam.detach_user_policy(UserName="anna", PolicyArn=S3_FULL)
        self.assertEqual(self.may_write(key), "AccessDenied")
        iam.delete_access_key(UserName="anna", AccessKeyId=key["AccessKeyId"])
        self.assertEqual(self.may_read(key), "InvalidAccessKeyId")

    def test_managed_policies_and_versions(self):
        iam = self.client("iam")
        arn = iam.create_policy(PolicyName="versions", PolicyDocument=json.dumps(ALLOW_READ),
                                Path="/x/", Description="d")["Policy"]["Arn"]
        self.assertEqual(arn, f"arn:aws:iam::{ACCOUNT}:policy/x/versions")
        key = self.make_user("vera")
        iam.attach_user_policy(UserName="vera", PolicyArn=arn)
        self.assertEqual(self.may_write(key), "AccessDenied")
        made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(ALLOW_S3),
                                         SetAsDefault=True)["PolicyVersion"]
        self.assertEqual((made["VersionId"], made["IsDefaultVersion"]), ("v2", True))
        self.assertEqual(self.may_write(key), "ok")
        iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
        self.assertEqual(self.may_write(key), "AccessDenied")
        shown = iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]
        self.assertEqual(shown["Document"], ALLOW_S3)
        self.assertEqual(iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"], 1)
        entities = iam.list_entities_for_policy(PolicyArn=arn)
        self.assertEqual([u["UserName"] for u in entities["PolicyUsers"]], ["vera"])
        self.assertEqual(self.code_of(iam.delete_policy_version, PolicyArn=arn, VersionId="v1"),
                         ("DeleteConflict", 409))
        iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
        versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
        self.assertEqual([v["VersionId"] for v in versions], ["v1"])
        local = iam.list_policies(Scope="Local", OnlyAttached=True)["Policies"]
        self.assertIn("versions", [p["PolicyName"] for p in local])

    def test_a_group_keeps_members_and_rights_under_another_name(self):
        iam = self.client("iam")
        for name in ("crew", "other"):
            iam.create_group(GroupName=name)
        iam.create_user(UserName="sailor")
        key = iam.create_access_key(UserName="sailor")["AccessKey"]
        iam.add_user_to_group(GroupName="crew", UserName="sailor")
        iam.put_group_policy(GroupName="crew", PolicyName="p", PolicyDocument=json.dumps(ALLOW_READ))
        self.assertEqual(self.code_of(iam.update_group, GroupName="crew", NewGroupName="Other"),
                         ("EntityAlreadyExists", 409))
        self.assertEqual(self.code_of(iam.update_group, GroupName="nobody", NewGroupName="x"),
                         ("NoSuchEntity", 404))
        iam.update_group(GroupName="crew", NewGroupName="sailors", NewPath="/sea/")
        group = iam.get_group(GroupName="sailors")
        self.assertEqual(group["Group"]["Path"], "/sea/")
        self.assertEqual([user["UserName"] for user in group["Users"]], ["sailor"])
        self.assertEqual(self.code_of(iam.get_group, GroupName="crew"), ("NoSuchEntity", 404))
        s3 = self.client("s3", key)
        self.assertEqual(s3.get_object(Bucket="shared", Key="file")["Body"].read(), b"content")
        iam.delete_group_policy(GroupName="sailors", PolicyName="p")
        self.assertEqual(self.code_of(s3.get_object, Bucket="shared", Key="file")[1], 403)

    def test_roles_are_described_and_tagged(self):
        iam = self.client("iam")
        iam.create_role(RoleName="tagged", Tags=[{"Key": "a", "Value": "1"}],
                        AssumeRolePolicyDocument=trust({"AWS": ACCOUNT}))
        iam.tag_role(RoleName="tagged", Tags=[{"Key": "a", "Value": "2"},
                                              {"Key": "b", "Value": "3"}])
        iam.untag_role(RoleName="tagged", TagKeys=["b", "none"])
        self.assertEqual(iam.list_role_tags(RoleName="tagged")["Tags"],
                         [{"Key": "a", "Value": "2"}])
        iam.update_role(RoleName="tagged", Description="first", MaxSessionDuration=7200)
        role = iam.update_role_description(RoleName="tagged", Description="second")["Role"]
        self.assertEqual((role["Description"], role["MaxSessionDuration"]), ("second", 7200))
        self.assertEqual(self.code_of(iam.list_role_tags, RoleName="none"), ("NoSuchEntity", 404))
        self.assertEqual(self.code_of(iam.tag_role, RoleName="tagged", Tags=[
            {"Key": f"k{i}", "Value": ""} for i in range(51)])[1] // 100, 4)

    def test_identity_providers_are_changed(self):
        iam = self.client("iam")
        arn = iam.create_open_id_connect_provider(
            Url="https://changed.example/x", ClientIDList=["one"],
            ThumbprintList=["a" * 40])["OpenIDConnectProviderArn"]
        named = {"OpenIDConnectProviderArn": arn}
        for _ in range(2):
            iam.add_client_id_to_open_id_connect_provider(ClientID="two", **named)
        for _ in range(2):
            iam.remove_client_id_from_open_id_connect_provider(ClientID="one", **named)
        iam.update_open_id_connect_provider_thumbprint(ThumbprintList=["b" * 40], **named)
        provider = iam.get_open_id_connect_provider(**named)
        self.assertEqual((provider["ClientIDList"], provider["ThumbprintList"]),
                         (["two"], ["b" * 40]))
        self.assertEqual(self.code_of(iam.add_client_id_to_open_id_connect_provider, ClientID="x",
                                      OpenIDConnectProviderArn=arn + "y"), ("NoSuchEntity", 404))

    def test_errors_are_those_of_iam(self):
        from botocore.config import Config
        iam = self.client("iam")
        iam.create_user(UserName="erik")
        self.assertEqual(self.code_of(iam.create_user, UserName="ERIK"),
                         ("EntityAlreadyExists", 409))
        self.assertEqual(self.code_of(iam.get_user, UserName="nobody"), ("NoSuchEntity", 404))
        self.assertEqual(self.code_of(iam.create_user, UserName="a b"), ("ValidationError", 400))
        self.assertEqual(self.code_of(iam.put_user_policy, UserName="erik", PolicyName="p",
                                      PolicyDocument="{}"), ("MalformedPolicyDocument", 400))
        for tags, code in (
                ([{"Key": "in*valid", "Value": "v"}], "ValidationError"),
                ([{"Key": "k", "Value": "in*valid"}], "ValidationError"),
                ([{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}], "InvalidInput"),
                ([{"Key": "k", "Value": "1"}, {"Key": "K", "Value": "2"}], "InvalidInput")):
            self.assertEqual(self.code_of(iam.tag_user, UserName="erik", Tags=tags), (code, 400))
        iam.tag_user(UserName="erik", Tags=[{"Key": "Team", "Value": "red"}])
        iam.tag_user(UserName="erik", Tags=[{"Key": "team", "Value": "blue"}])
        self.assertEqual(iam.list_user_tags(UserName="erik")["Tags"],
                         [{"Key": "team", "Value": "blue"}])
        unchecked = self.client("iam", config=Config(parameter_validation=False))
        self.assertEqual(self.code_of(unchecked.create_user), ("ValidationError", 400))
        self.assertEqual(self.code_of(unchecked.create_role, RoleName="r"),
                         ("ValidationError", 400))
        for _ in range(2):
            iam.create_access_key(UserName="erik")
        self.assertEqual(self.code_of(iam.create_access_key, UserName="erik"),
                         ("LimitExceeded", 409))
        self.assertEqual(self.code_of(iam.simulate_principal_policy, PolicySourceArn="x" * 20,
                                      ActionNames=["s3:GetObject"]), ("NotImplemented", 501))
        unknown = {"AccessKeyId": "AKIAUNKNOWNUNKNOWN00", "SecretAccessKey": "x" * 40}
        self.assertEqual(self.code_of(self.client("iam", unknown).list_users),
                         ("InvalidClientTokenId", 403))
        wrong = {"AccessKeyId": self.server.access_key, "SecretAccessKey": "x" * 40}
        self.assertEqual(self.code_of(self.client("iam", wrong).list_users),
                         ("SignatureDoesNotMatch", 403))
        self.assertEqual(self.code_of(self.client("iam", "unsigned").list_users),
                         ("MissingAuthenticationToken", 403))

    def test_lists_come_in_pages(self):
        iam = self.client("iam")
        names = [f"page-{number:02}" for number in range(7)]
        for name in names:
            iam.create_user(UserName=name, Path="/page/")
        pages = list(iam.get_paginator("list_users").paginate(
            PathPrefix="/page/", PaginationConfig={"PageSize": 3}))
        self.assertEqual([len(page["Users"]) for page in pages], [3, 3, 1])
        self.assertEqual([user["UserName"] for page in pages for user in page["Users"]], names)

    # Nobody gains rights -------------------------------------------------------------------------
    def test_no_user_helps_itself(self):
        key = self.make_user("eve", ALLOW_READ)
        own = self.client("iam", key)
        attempts = [
            (own.put_user_policy, dict(UserName="eve", PolicyName="x",
                                       PolicyDocument=json.dumps(ALLOW_S3))),
            (own.attach_user_policy, dict(UserName="eve", PolicyArn=S3_FULL)),
            (own.create_access_key, dict(UserName="eve")),
            (own.create_access_key, dict()),
            (own.create_user, dict(UserName="eve2")),
            (own.add_user_to_group, dict(GroupName="admins", UserName="eve")),
            (own.create_role, dict(RoleName="r", AssumeRolePolicyDocument=trust({"AWS": "*"}))),
            (own.list_users, dict()),
            (own.get_user, dict()),
        ]
        for call, parameters in attempts:
            self.assertEqual(self.code_of(call, **parameters), ("AccessDenied", 403), parameters)
        # A right on one user is none on another.
        self.client("iam").put_user_policy(
            UserName="eve", PolicyName="keys", PolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": [
                    {"Effect": "Allow", "Action": "iam:*AccessKey*",
                     "Resource": f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}"}]}))
        own.create_access_key(UserName="eve")
        self.make_user("victim")
        self.assertEqual(self.code_of(own.create_access_key, UserName="victim"),
                         ("AccessDenied", 403))

    # Sessions ------------------------------------------------------------------------------------
    def test_session_tokens(self):
        key = self.make_user("sam", ALLOW_READ)
        session = self.client("sts", key).get_session_token(DurationSeconds=900)["Credentials"]
        self.assertEqual((self.may_read(session), self.may_write(session)), ("ok", "AccessDenied"))
        who = self.client("sts", session).get_caller_identity()
        self.assertEqual(who["Arn"], f"arn:aws:iam::{ACCOUNT}:user/sam")
        self.assertEqual(self.code_of(self.client("sts", session).get_session_token),
                         ("AccessDenied", 403))
        self.client("iam").attach_user_policy(UserName="sam",
                                              PolicyArn="arn:aws:iam::aws:policy/IAMFullAccess")
        self.assertEqual(self.code_of(self.client("iam", session).list_users),
                         ("AccessDenied", 403))
        falsified = dict(session, SessionToken=session["SessionToken"][:-8] + "AAAAAAA=")
        self.assertEqual(self.may_read(falsified), "InvalidToken")
        self.assertEqual(self.may_read(dict(session, SessionToken=None)), "InvalidAccessKeyId")
        self.assertEqual(self.code_of(self.client("sts", key).get_session_token,
                                      DurationSeconds=900000), ("ValidationError", 400))
        self.client("iam").update_access_key(UserName="sam", AccessKeyId=key["AccessKeyId"],
                                             Status="Inactive")
        self.assertEqual(self.may_read(session), "InvalidToken")

    def test_federation_tokens_are_narrowed(self):
        everything = {"Version": "2012-10-17",
                      "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        key = self.make_user("fred", everything)
        sts = self.client("sts", key)
        session = sts.get_federation_token(Name="app", Policy=json.dumps(ALLOW_READ))
        session = session["Credentials"]
        self.assertEqual((self.may_read(session), self.may_write(session)), ("ok", "AccessDenied"))
        empty = sts.get_federation_token(Name="app")["Credentials"]
        self.assertEqual(self.may_read(empty), "AccessDenied")
        self.assertEqual(self.code_of(self.client("iam", session).list_users),
                         ("AccessDenied", 403))

    def test_roles(self):
        iam = self.client("iam")
        key = self.make_user("rosa")
        account = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        arn = iam.create_role(RoleName="writer", MaxSessionDuration=7200, Path="/app/",
                              AssumeRolePolicyDocument=trust(account))["Role"]["Arn"]
        iam.put_role_policy(RoleName="writer", PolicyName="w", PolicyDocument=json.dumps(ALLOW_S3))
        sts = self.client("sts", key)
        wanted = dict(RoleArn=arn, RoleSessionName="session")
        # The account is trusted, so the user needs the right itself.
        self.assertEqual(self.code_of(sts.assume_role, **wanted), ("AccessDenied", 403))
        iam.put_user_policy(UserName="rosa", PolicyName="assume", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arn}]}))
        reply = sts.assume_role(**wanted)
        self.assertEqual(reply["AssumedRoleUser"]["Arn"],
                         f"arn:aws:sts::{ACCOUNT}:assumed-role/writer/session")
        self.assertEqual(self.may_write(reply["Credentials"]), "ok")
        self.assertEqual(self.may_write(key), "AccessDenied")
        narrow = sts.assume_role(Policy=json.dumps(ALLOW_READ), **wanted)["Credentials"]
        self.assertEqual((self.may_read(narrow), self.may_write(narrow)), ("ok", "AccessDenied"))
        self.assertEqual(self.code_of(sts.assume_role, DurationSeconds=7201, **wanted),
                         ("ValidationError", 400))
        # A role that does not exist is refused like one that does not trust.
        self.assertEqual(self.code_of(sts.assume_role, RoleSessionName="session",
                                      RoleArn=arn + "x"), ("AccessDenied", 403))
        iam.update_assume_role_policy(RoleName="writer", PolicyDocument=trust(
            {"AWS": f"arn:aws:iam::{ACCOUNT}:user/rosa"}, condition={
                "StringEquals": {"sts:ExternalId": "secret"}}))
        self.assertEqual(self.code_of(sts.assume_role, **wanted), ("AccessDenied", 403))
        sts.assume_role(ExternalId="secret", **wanted)
        # Not even the root without the role's consent.
        self.assertEqual(self.code_of(self.client("sts").assume_role, **wanted),
                         ("AccessDenied", 403))
        # Who may make keys, but is no user, must say whose: never the root's.
        iam.attach_role_policy(RoleName="writer",
                               PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
        as_role = self.client("iam", sts.assume_role(ExternalId="secret", **wanted)["Credentials"])
        for call in (as_role.create_access_key, as_role.list_access_keys, as_role.get_user):
            self.assertEqual(self.code_of(call), ("ValidationError", 400))
        as_role.list_access_keys(UserName="rosa")
        iam.detach_role_policy(RoleName="writer",
                               PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
        # A new role of the same name is another role.
        iam.delete_role_policy(RoleName="writer", PolicyName="w")
        iam.delete_role(RoleName="writer")
        self.assertEqual(self.may_read(reply["Credentials"]), "InvalidToken")

    # Web identities ------------------------------------------------------------------------------
    def web_role(self, name, condition=None):
        iam = self.client("iam")
        arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{self.issuer.host}"
        if {"Arn": arn} not in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
            made = iam.create_open_id_connect_provider(Url=self.issuer.url,
                                                       ClientIDList=["app", "other"],
                                                       ThumbprintList=[])
            self.assertEqual(made["OpenIDConnectProviderArn"], arn)
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(
            {"Federated": arn}, "sts:AssumeRoleWithWebIdentity", condition))["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="r", PolicyDocument=json.dumps(ALLOW_READ))
        return role

    def test_web_identities(self):
        host = self.issuer.host
        role = self.web_role("web", {"StringEquals": {f"{host}:aud": "app"},
                                     "StringLike": {f"{host}:sub": "job-*"}})
        sts = self.client("sts", "unsigned")

        def assume(token):
            return sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="job",
                                                     WebIdentityToken=token)

        for key in ("rsa", "ec"):
            reply = assume(self.issuer.token(key))
            self.assertEqual(reply["SubjectFromWebIdentityToken"], "job-7")
            self.assertEqual(self.may_read(reply["Credentials"]), "ok")
            self.assertEqual(self.may_write(reply["Credentials"]), "AccessDenied")
        fetched = len(self.issuer.requests)
        assume(self.issuer.token())
        self.assertEqual(len(self.issuer.requests), fetched, "keys are not fetched per token")
        issuer = self.issuer
        rejected = {
            "no algorithm": issuer.token(header={"alg": "none"}, sign=lambda text: b""),
            "none with a signature": issuer.token(header={"alg": "none"}),
            "public key as secret": issuer.confused_token(),
            "other algorithm of the key": issuer.token("ec", header={"kid": "rsa"}),
            "no key id": issuer.token(header={"kid": None}),
            "unknown key": issuer.token(header={"kid": "absent"}),
            "signed by another key": issuer.token(sign=issuer.keys["ec"].sign),
            "wrong audience": issuer.token(aud="stranger"),
            "no audience": issuer.token(aud=None),
            "wrong issuer": issuer.token(iss="https://elsewhere.example"),
            "no subject": issuer.token(sub=None),
            "not yet": issuer.token(nbf=4102444800),
            "no expiry": issuer.token(exp=None),
        }
        for name, token in rejected.items():
            code, status = self.code_of(assume, token=token)
            self.assertEqual((code, status), ("InvalidIdentityToken", 400), name)
        self.assertEqual(self.code_of(assume, token=issuer.token(exp=1000000000)),
                         ("ExpiredTokenException", 400))
        # The token is good, the role does not want it.
        for changes in ({"sub": "person"}, {"aud": "other"}):
            self.assertEqual(self.code_of(assume, token=issuer.token(**changes)),
                             ("AccessDenied", 403), changes)

    def test_unlisted_private_issuers_are_not_asked(self):
        with Issuer() as hidden:
            iam = self.client("iam")
            iam.create_open_id_connect_provider(Url=hidden.url, ClientIDList=["app"],
                                                ThumbprintList=[])
            role = iam.create_role(RoleName="hidden", AssumeRolePolicyDocument=trust(
                {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{hidden.host}"},
                "sts:AssumeRoleWithWebIdentity"))["Role"]["Arn"]
            self.assertEqual(self.code_of(
                self.client("sts", "unsigned").assume_role_with_web_identity, RoleArn=role,
                RoleSessionName="job", WebIdentityToken=hidden.token()),
                ("IDPCommunicationError", 400))
            self.assertEqual(hidden.requests, [])

    # What is on the wire -------------------------------------------------------------------------
    def test_accounts_outlive_a_restart_and_a_kill(self):
        key = self.make_user("ruth", ALLOW_READ)
        session = self.client("sts", key).get_session_token()["Credentials"]
        self.server.kill()
        self.server.start()
        self.assertEqual(self.may_read(key), "ok")
        self.assertEqual(self.may_read(session), "ok")

    def test_get_requests_and_forms_that_are_not_forms(self):
        import urllib.error
        import urllib.request
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

        def ask(data=None, query="", content_type="application/x-www-form-urlencoded"):
            request = urllib.request.Request(self.server.endpoint + "/" + query, data=data,
                                             headers={"Content-Type": content_type})
            try:
                with opener.open(request, timeout=30) as reply:
                    return reply.status, reply.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()

        for status, text in (ask(b"Action=ListUsers&Version=2010-05-08"),
                             ask(query="?Action=ListUsers&Version=2010-05-08")):
            self.assertEqual(status, 403)
            self.assertIn("<Code>MissingAuthenticationToken</Code>", text)
        self.assertEqual(ask(b"Action=Nonsense")[0], 400)
        self.assertEqual(ask(b"a=%zz")[0], 400)
        self.assertEqual(ask(b"x" * (200 << 10))[0], 413)
        # Anything else at / is S3's.
        status, text = ask(b"Action=ListUsers", content_type="text/plain")
        self.assertNotIn("ErrorResponse", text)


if __name__ == "__main__":
    clients_case.skip_unless(shutil.which("aws"), "aws_iam", "aws is not installed")
    clients_case.skip_unless(shutil.which("openssl"), "aws_iam", "openssl is not installed")
    sys.path.insert(0, str(clients_case.HERE))
    unittest.main(verbosity=2)

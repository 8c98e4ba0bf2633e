"""CloudWatch Logs, SageMaker and S3 as sources, against moto's server and against answers that are wrong."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from governance_assets.policy.sources import CloudwatchSource, S3Source, SagemakerSource, SourcesPolicy
from governance_assets.runtime import clock
from governance_assets.runtime.sources.live import aws_logs, sagemaker
from governance_assets_tests.channel_samples import SECRET, Answer, Receiver, all_logs, no_proxy, receiver
from governance_assets_tests.live_samples import Bench

__all__ = ["all_logs", "no_proxy", "receiver"]
pytestmark = pytest.mark.usefixtures("no_proxy")

REGION = "eu-west-1"
KEYS = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": SECRET}
GROUP = "/aws/sagemaker/TrainingJobs"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The address of moto's server."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """moto stamps by the machine's clock, and so does this bench."""
    return Bench(tmp_path, environment={name.upper(): value for name, value in KEYS.items()}, now=clock.now())


def client(moto: str, service: str) -> Any:
    return boto3.client(service, endpoint_url=moto, region_name=REGION, **KEYS)


def events(bench: Bench) -> list[str]:
    return [one["message"] for body in bench.files().values() for one in json.loads(body)["events"]]


def logged(moto: str, group: str, when: dt.datetime, *messages: str) -> None:
    logs = client(moto, "logs")
    if group not in [one["logGroupName"] for one in logs.describe_log_groups()["logGroups"]]:
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="job")
    at = int(when.timestamp() * 1000)
    told = [{"timestamp": at + number, "message": message} for number, message in enumerate(messages)]
    logs.put_log_events(logGroupName=group, logStreamName="job", logEvents=told)


def test_two_weeks_of_events_land_then_what_came_since(moto: str, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws_logs, "PER_PAGE", 2)
    source = CloudwatchSource(log_group=GROUP, region=REGION, endpoint=moto)
    logged(moto, GROUP, bench.now - dt.timedelta(days=13), *(f"old {number}" for number in range(5)))
    logged(moto, GROUP, bench.now - dt.timedelta(minutes=1), "ERROR: loss is not finite")
    done = bench.fetch("cloudwatch", source)
    assert (done.state, done.pages, done.records) == ("ok", 3, 6)
    assert events(bench) == [*(f"old {number}" for number in range(5)), "ERROR: loss is not finite"]
    assert all(name.startswith(f"issues/cloudwatch/{REGION}+aws+sagemaker+TrainingJobs/") for name in bench.files())
    assert set(json.loads(next(iter(bench.files().values())))) >= {"events", "nextToken"}
    before = bench.files()
    bench.now += dt.timedelta(minutes=30)
    logged(moto, GROUP, bench.now - dt.timedelta(minutes=25), "later")
    assert bench.fetch("cloudwatch", source).state == "ok"
    assert "later" in events(bench)
    assert bench.files().items() > before.items()


def test_a_filter_is_handed_on(moto: str, bench: Bench) -> None:
    logged(moto, "app", bench.now - dt.timedelta(minutes=1), "ERROR one", "fine", "ERROR two")
    bench.fetch("cloudwatch", CloudwatchSource(log_group="app", region=REGION, endpoint=moto, filter_pattern="ERROR"))
    assert events(bench) == ["ERROR one", "ERROR two"]


def test_a_log_group_that_does_not_exist_is_told(moto: str, bench: Bench) -> None:
    done = bench.fetch("cloudwatch", CloudwatchSource(log_group="gone", region=REGION, endpoint=moto))
    assert (done.state, bench.pauses) == ("failed", [])
    assert "ResourceNotFoundException" in done.error


def aws_answer(status: int, code: str, body: dict[str, Any] | None = None) -> Answer:
    told = {"__type": code, "message": f"no: {SECRET}"} if body is None else body
    return Answer(status, json.dumps(told).encode(), {"Content-Type": "application/x-amz-json-1.1"})


def page_of(*messages: str, token: str | None = None) -> Answer:
    told = [{"logStreamName": "s", "timestamp": 1, "message": one, "ingestionTime": 2, "eventId": one} for one in messages]
    return aws_answer(200, "", {"events": told, **({"nextToken": token} if token else {})})


def test_throttling_waits_and_an_empty_page_is_no_end(bench: Bench, receiver: Receiver) -> None:
    receiver.answer_with(
        aws_answer(400, "ThrottlingException"),
        page_of("a", token="t1"),
        page_of(token="t2"),
        aws_answer(503, "ServiceUnavailable"),
        page_of("b"),
    )
    done = bench.fetch("cloudwatch", CloudwatchSource(log_group="app", region=REGION, endpoint=receiver.url))
    assert (done.state, bench.pauses, events(bench), len(bench.files())) == ("ok", [2, 2], ["a", "b"], 2)
    asked = [json.loads(request.body).get("nextToken") for request in receiver.requests]
    assert asked == [None, None, "t1", "t2", "t2"]


def test_events_that_break_off_go_on_by_token_and_a_stale_token_begins_anew(bench: Bench, receiver: Receiver) -> None:
    source = CloudwatchSource(log_group="app", region=REGION, endpoint=receiver.url)
    receiver.answer_with(page_of("a", token="t1"), Answer(500))
    done = bench.fetch("cloudwatch", source)
    assert (done.state, events(bench)) == ("partial", ["a"])
    window = json.loads(receiver.requests[0].body)
    bench.now += dt.timedelta(hours=30)
    receiver.requests.clear()
    receiver.answer_with(aws_answer(400, "InvalidParameterException"), page_of("a", "b"))
    done = bench.fetch("cloudwatch", source)
    assert (done.state, json.loads(receiver.requests[0].body)["nextToken"]) == ("ok", "t1")
    assert json.loads(receiver.requests[0].body)["startTime"] == window["startTime"]
    assert events(bench) == ["a", "a", "b"]


def test_the_window_ends_by_the_clock_of_the_service(bench: Bench, receiver: Receiver) -> None:
    source = CloudwatchSource(log_group="app", region=REGION, endpoint=receiver.url)
    page = page_of("a")
    behind = bench.now - dt.timedelta(hours=6)
    receiver.answer_with(Answer(200, page.body, {**page.headers, "Date": behind.strftime("%a, %d %b %Y %H:%M:%S GMT")}))
    done = bench.fetch("cloudwatch", source)
    assert done.covered_until == behind.replace(microsecond=0).isoformat()


@pytest.mark.parametrize(
    "answer", [Answer(200, b"<html>log in</html>"), Answer(200, b'{"events": [{"mess'), Answer(200, b"{}")], ids=range(3)
)
def test_rubbish_of_aws_is_no_page(answer: Answer, bench: Bench, receiver: Receiver) -> None:
    receiver.answer_with(page_of("a", token="t1"), answer)
    done = bench.fetch("cloudwatch", CloudwatchSource(log_group="app", region=REGION, endpoint=receiver.url))
    assert (done.state, events(bench)) == ("partial", ["a"])


@pytest.mark.parametrize("status", [400, 403, 500])
def test_the_key_shows_nowhere(status: int, bench: Bench, receiver: Receiver, capsys: pytest.CaptureFixture[str]) -> None:
    receiver.answer_with(aws_answer(status, "InvalidSignatureException"))
    done = bench.fetch("cloudwatch", CloudwatchSource(log_group="app", region=REGION, endpoint=receiver.url))
    seen = [repr(done), "".join(capsys.readouterr()), bench.everything().decode("utf-8", "replace")]
    assert (done.state, [text for text in seen if SECRET in text]) == ("failed", [])
    assert "***" in done.error


def test_without_credentials_aws_is_not_configured(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, receiver: Receiver, tmp_path: Path
) -> None:
    bench.environment = {}
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "absent"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for kind, source in (
        ("cloudwatch", CloudwatchSource(log_group="app", region=REGION, endpoint=receiver.url)),
        ("sagemaker", SagemakerSource(region=REGION, endpoint=receiver.url)),
        ("s3", S3Source(bucket="telemetry", region=REGION, endpoint=receiver.url)),
    ):
        done = bench.fetch(kind, source)
        assert (done.state, "no AWS credentials are found" in done.error) == ("not_configured", True)
    assert receiver.requests == []


# SageMaker


def job(number: int, changed: str = "2025-11-19T10:00:00Z") -> dict[str, Any]:
    at = dt.datetime.fromisoformat(changed).timestamp()
    named = {"TrainingJobName": f"fit-{number}", "TrainingJobArn": f"arn:aws:sagemaker:{REGION}:123456789012:training-job/fit-{number}"}
    return named | {"CreationTime": at - 60, "LastModifiedTime": at, "TrainingJobStatus": "Failed"}


def sagemaker_says(jobs: list[dict[str, Any]], faults: list[Answer | None]) -> Any:
    """SageMaker's list, two jobs a page, and descriptions."""

    def respond(request: Any) -> Answer:
        if faults and (fault := faults.pop(0)) is not None:
            return fault
        asked = json.loads(request.body)
        if request.headers["X-Amz-Target"].endswith("DescribeTrainingJob"):
            (found,) = [one for one in jobs if one["TrainingJobName"] == asked["TrainingJobName"]]
            return aws_answer(200, "", {**found, "FailureReason": "ClientError: out of memory"})
        found = [one for one in jobs if one["LastModifiedTime"] > asked["LastModifiedTimeAfter"]]
        start = int(asked.get("NextToken", 0))
        following = {"NextToken": str(start + 2)} if start + 2 < len(found) else {}
        return aws_answer(200, "", {"TrainingJobSummaries": found[start : start + 2], **following})

    return respond


def test_each_job_lands_as_described_and_again_when_it_changed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, environment={name.upper(): value for name, value in KEYS.items()})
    jobs, faults = [job(number) for number in range(5)], []
    server = Receiver(sagemaker_says(jobs, faults))
    source = SagemakerSource(region=REGION, endpoint=server.url)
    faults += [None, None, *[aws_answer(400, "ThrottlingException")] * 4]
    assert bench.fetch("sagemaker", source).state == "partial"
    assert len(bench.files()) == 1
    assert bench.fetch("sagemaker", source).state == "ok"
    files = bench.files()
    assert list(files) == [f"issues/sagemaker/{REGION}/fit-{number}__2025-11-19T100000Z.json" for number in range(5)]
    described = json.loads(files[f"issues/sagemaker/{REGION}/fit-3__2025-11-19T100000Z.json"])
    assert described["LastModifiedTime"] == "2025-11-19T10:00:00+00:00"
    assert (described["FailureReason"], described["TrainingJobStatus"]) == ("ClientError: out of memory", "Failed")
    jobs[2] = job(2, "2025-11-20T08:29:00Z")
    bench.now += dt.timedelta(hours=1)
    done = bench.fetch("sagemaker", source)
    assert (done.records, len(bench.files())) == (1, 6)
    server.close()


def test_jobs_of_moto(moto: str, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sagemaker, "PER_PAGE", 2)
    service = client(moto, "sagemaker")
    for number in range(3):
        service.create_training_job(
            TrainingJobName=f"nightly-{number}",
            AlgorithmSpecification={"TrainingImage": "image", "TrainingInputMode": "File"},
            RoleArn="arn:aws:iam::123456789012:role/fit-role",
            OutputDataConfig={"S3OutputPath": "s3://models"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        )
    done = bench.fetch("sagemaker", SagemakerSource(region=REGION, endpoint=moto))
    assert (done.state, done.error) == ("ok", "")
    assert [json.loads(body)["TrainingJobName"] for body in bench.files().values()] == ["nightly-0", "nightly-1", "nightly-2"]


# S3


def test_objects_are_copied_by_etag(moto: str, bench: Bench) -> None:
    store = client(moto, "s3")
    store.create_bucket(Bucket="telemetry", CreateBucketConfiguration={"LocationConstraint": REGION})
    put = {"runs/r2.csv": b"a\n1\n", "costs/c.jsonl": b"{}\n", ".hidden": b"x", "governance.yaml": b"sources: {}\n", "empty/": b""}
    for key, body in put.items():
        store.put_object(Bucket="telemetry", Key=f"team/{key}", Body=body)
    store.put_object(Bucket="telemetry", Key="other/x.csv", Body=b"no")
    source = S3Source(bucket="telemetry", prefix="team/", region=REGION, endpoint=moto)
    done = bench.fetch("s3", source)
    assert (done.state, done.error, bench.files()) == ("ok", "", {"costs/c.jsonl": b"{}\n", "runs/r2.csv": b"a\n1\n"})
    assert bench.fetch("s3", source).pages == 0
    store.put_object(Bucket="telemetry", Key="team/runs/r2.csv", Body=b"a\n2\n")
    store.delete_object(Bucket="telemetry", Key="team/costs/c.jsonl")
    assert bench.fetch("s3", source).files == 1
    assert bench.files() == {"costs/c.jsonl": b"{}\n", "runs/r2.csv": b"a\n2\n"}


def test_an_object_that_leads_away_is_told_and_the_rest_lands(moto: str, bench: Bench) -> None:
    store = client(moto, "s3")
    store.create_bucket(Bucket="strange", CreateBucketConfiguration={"LocationConstraint": REGION})
    for key in ("a\\..\\b.csv", "z.csv"):
        store.put_object(Bucket="strange", Key=key, Body=b"a\n1\n")
    done = bench.fetch("s3", S3Source(bucket="strange", region=REGION, endpoint=moto))
    assert (done.state, list(bench.files())) == ("partial", ["z.csv"])
    assert "no place of a telemetry folder" in done.error


def test_a_large_object_is_refused_before_it_is_read(moto: str, bench: Bench) -> None:
    bench.policy = SourcesPolicy(max_page_mb=0.001)
    store = client(moto, "s3")
    store.create_bucket(Bucket="large", CreateBucketConfiguration={"LocationConstraint": REGION})
    store.put_object(Bucket="large", Key="runs/x.csv", Body=b"1" * 5_000)
    done = bench.fetch("s3", S3Source(bucket="large", region=REGION, endpoint=moto))
    assert (done.state, bench.files()) == ("failed", {})
    assert "raise max_page_mb" in done.error

"""The table's stream, and who reads it."""

import threading
import time

from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import dynamodb, lambda_svc

# ---- Lambda: reading a table's stream ------------------------------------------------------------------
# AWS honours ReportBatchItemFailures, MaximumRetryAttempts, MaximumRecordAgeInSeconds, bisecting and the
# failure destination. MiniStack drops the records that a function reports as failed, retries the others for
# ever, and keeps every queue waiting meanwhile. So the streams get a reader of their own here.
LONGEST_PAUSE = 2.0


class StreamReader(threading.Thread):
    """Reads one table's stream for one mapping, batch by batch, as a shard's reader does."""

    def __init__(self, account: str, region: str, mapping: dict):
        super().__init__(daemon=True, name=f"stream-{mapping['UUID']}")
        self.account, self.region, self.mapping = account, region, mapping

    def run(self):
        set_request_account_id(self.account)
        set_request_region(self.region)
        table = self.mapping["EventSourceArn"].split(":table/")[1].split("/")[0]
        position = 0
        if self.mapping.get("StartingPosition") == "LATEST":
            position = dynamodb.stream_end_position(table)
        while lambda_svc._esms.get(self.mapping["UUID"]) is self.mapping:
            position = max(position, dynamodb.stream_start_position(table))
            records = dynamodb.stream_records_since(table, position, self.mapping.get("BatchSize", 100))
            if not records or not self.mapping.get("Enabled", True):
                time.sleep(0.02)
                continue
            wanted = lambda_svc._apply_filter_criteria(records, self.mapping)
            if wanted:
                self.deliver(wanted)
            position += len(records)

    def deliver(self, records: list[dict]) -> None:
        """Delivers a batch until nothing of it is left: done, or handed to the failure destination."""
        batches = [(records, 0)]
        while batches:
            batch, failures = batches.pop(0)
            result = self.invoke(batch)
            failed_from = self.first_failure(batch, result)
            if failed_from is None:
                continue
            rest, failures = batch[failed_from:], failures + 1
            exhausted = self.exhausted(rest, failures)
            if exhausted:
                lambda_svc._send_ddb_stream_failure_record(
                    self.mapping, self.function(), rest, self.mapping["EventSourceArn"], result, exhausted)
                continue
            time.sleep(min(0.1 * 2**failures, LONGEST_PAUSE))
            # A batch is split where the function failed as a whole; what it reported is where it goes on.
            if failed_from == 0 and len(rest) > 1 and self.mapping.get("BisectBatchOnFunctionError"):
                middle = len(rest) // 2
                batches[:0] = [(rest[:middle], failures), (rest[middle:], failures)]
            else:
                batches.insert(0, (rest, failures))

    def function(self) -> dict:
        record, _ = lambda_svc._get_func_record_for_qualifier(
            self.mapping["FunctionName"], self.mapping.get("Qualifier"))
        return record

    def invoke(self, batch: list[dict]) -> dict:
        try:
            result = lambda_svc._execute_function(self.function(), {"Records": batch})
        except Exception as error:  # a reader that dies would look like a stream that is silent
            result = {"error": True, "body": {"errorMessage": str(error)}}
        self.mapping["LastProcessingResult"] = "FAILED" if result.get("error") else f"OK - {len(batch)} records"
        return result

    def first_failure(self, batch: list[dict], result: dict) -> int | None:
        """The position of the first record that was not processed; None when all were."""
        if result.get("error"):
            return 0
        answer = result.get("body")
        if "ReportBatchItemFailures" not in self.mapping.get("FunctionResponseTypes", []) or not isinstance(answer, dict):
            return None
        reported = {failure.get("itemIdentifier") for failure in answer.get("batchItemFailures") or []}
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        return min((at for at, number in enumerate(numbers) if number in reported), default=0 if reported else None)

    def exhausted(self, rest: list[dict], failures: int) -> str | None:
        attempts = int(self.mapping.get("MaximumRetryAttempts", -1))
        longest = int(self.mapping.get("MaximumRecordAgeInSeconds", -1))
        if 0 <= attempts < failures:
            return "RetryAttemptsExhausted"
        if 0 <= longest < time.time() - float(rest[0]["dynamodb"]["ApproximateCreationDateTime"]):
            return "MaxRecordAgeExceeded"
        return None


def watch_for_streams() -> None:
    """Starts a reader for every stream mapping that has none."""
    reading: dict[str, StreamReader] = {}
    while True:
        for account, region, mapping in lambda_svc._iter_all_esms():
            if ":dynamodb:" in mapping.get("EventSourceArn", "") and mapping["UUID"] not in reading:
                reading[mapping["UUID"]] = StreamReader(account, region, mapping)
                reading[mapping["UUID"]].start()
        time.sleep(0.1)


lambda_svc._poll_dynamodb_streams = lambda: False

//! The single DynamoDB table: keys, transactions, outbox, idempotency, paging.

// An attempt as the text that is hashed when it is sealed into the audit log: a JSON object of its
// columns in the order of their names, without spaces, as RFC 8785 has it. Values that are NULL and
// texts that are empty are left out. The text is documented (docs/reference/sealed-records.md) and
// must not change: a column that comes later is left out of the attempts before it by being NULL.
#pragma once
#include <string>
#include <string_view>

#include "store/database.h"

namespace holdfast::records {

// What a statement selects for write_sealed_row(), in this order; the id is among them.
inline constexpr std::string_view sealed_columns =
    "answer_status, attempt, bytes_received, bytes_sent, charged_nano_usd, cost_nano_usd, "
    "ended_us, endpoint, failure, features, first_content_us, flags, id, key_name, logical_model, "
    "model, price_version, provider, request_id, reserved_nano_usd, run, serial, service, "
    "started_us, state, status, team, thread, tokens_cached, tokens_in, tokens_out, "
    "tokens_reasoning, total_us, unsettled_reason, upstream_request_id";
// Places of some of them, for whoever sums them up.
inline constexpr int sealed_cost = 5, sealed_id = 12, sealed_started = 23, sealed_tokens_in = 29,
                     sealed_tokens_out = 30;

// Replaces `out` by the text of the row on which `row` stands.
void write_sealed_row(const store::Statement& row, std::string& out);

}  // namespace holdfast::records

// A client's stream that outlives the attempt which began it: on models with `midstream: continue`,
// what one target's answer breaks off in the middle, another's goes on with. The client's own
// writer sees one answer: one start, blocks numbered on, one finish, one usage.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/codec.h"
#include "gateway/seam.h"

namespace holdfast::gateway {

// How an answer that broke can be mended.
enum class Mending : std::uint8_t {
  none,      // not: a call or a refusal has begun, a signed thought is half said, it is too long
  complete,  // nothing of it was missing but the closing events
  restart,   // only thoughts were said: another target answers the request as it was
  go_on,     // another target goes on with text()
};

class ContinuedStream final : public dialect::StreamWriter {
 public:
  //   client         the writer of the client's dialect
  //   signs          the dialect's clients send thoughts back with their signatures
  //   prompt_tokens  of the request, estimated: for attempts whose target did not tell
  ContinuedStream(std::unique_ptr<dialect::StreamWriter> client, bool signs,
                  std::int64_t prompt_tokens);

  void write(const dialect::StreamEvent& event, std::string& out) override;
  void keep_alive(std::string& out) override { client_->keep_alive(out); }
  void error(const dialect::ErrorReport& report, std::string& out) override {
    client_->error(report, out);
  }
  bool gave_up() const override { return client_->gave_up(); }
  std::string_view unusable() const override;
  std::string_view whole() const override { return client_->whole(); }

  // What the client has been told of the answer's text, over all attempts.
  const std::string& text() const { return told_; }
  // Of what has been told so far; only after content.
  Mending mending() const;
  // The attempt whose events came has broken off, and the client has got something of it: what
  // comes now is another target's.
  void break_off();
  // How the next attempt is asked to go on with text().
  void next_is_asked(Asking asking);
  // What the attempt under way has written, the client does not get.
  void forget_attempt();
  // Whether the last attempt to go on began another answer, which is no fault of its target's.
  bool started_over() const { return started_over_; }
  // Ends an answer that is complete.
  void close(std::string& out);

 private:
  enum class Fate : std::uint8_t { passed, waiting, dropped };  // waiting: for its first text
  struct Open {
    std::uint32_t theirs = 0, ours = 0;
    dialect::BlockKind kind = dialect::BlockKind::text;
    Fate fate = Fate::passed;
  };

  void estimate_usage();
  bool resumed() const { return usage_.continuations > 0; }
  Open* find(std::uint32_t theirs);
  void open(const dialect::StreamEvent& event, std::string& out);
  void begin(Open& block, dialect::StreamEvent event, std::string& out);
  void add(const dialect::StreamEvent& event, std::string& out);
  void say(Open& block, std::string_view text, const dialect::StreamEvent& event, std::string& out);
  void stop(const dialect::StreamEvent& event, std::string& out);
  void stop_block(std::uint32_t ours, std::string& out);
  void end_seam(Open& block, std::string& out);
  void finish(const dialect::StreamEvent& event, std::string& out);
  void end_stale(std::string& out);
  void write_usage(std::string& out);

  std::unique_ptr<dialect::StreamWriter> client_;
  const bool signs_;
  const std::int64_t prompt_tokens_;
  std::string told_;
  std::size_t told_before_ = 0;  // of it by earlier attempts
  bool started_ = false, finished_ = false, ended_ = false;
  Asking asking_ = Asking::told;  // of the attempt under way
  bool spoke_ = false;            // the client has something of the attempt under way
  bool started_over_ = false;
  bool fixed_ = false;  // what was said cannot be gone on with
  std::uint32_t next_block_ = 0;
  std::vector<Open> open_;            // of this attempt
  std::vector<std::uint32_t> stale_;  // of earlier attempts: they end when this one says something
  std::optional<std::uint32_t> text_block_;  // of an earlier attempt: the next text goes into it
  std::optional<Seam> seam_;                 // until this attempt's first text block has ended
  dialect::Usage usage_;                     // of the attempts before
  dialect::Usage current_;                   // of this one
};

}  // namespace holdfast::gateway

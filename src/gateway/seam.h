// The place where one model's text is gone on with by another: what the second says again of the
// first is taken out, and white space does not come twice.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::gateway {

// How a model is asked to go on with a text.
enum class Asking : std::uint8_t {
  told,      // in words, and to begin with the text's last ones
  prefill,   // from the text itself: nothing comes again but the white space at its end, which it
             // was not shown
  repeated,  // the same, at servers that say all of the text first
};

class Seam {
 public:
  // How much of a text's end a repetition is looked for in, in bytes.
  static constexpr std::size_t window_bytes = 1024;
  // A repetition counts from this length on, or when it is all of the text, or the word in which
  // the text broke off and the word goes on. Shorter ones are what languages are made of.
  static constexpr std::size_t least_bytes = 12;
  // A model that is told to go on is asked to begin with as many (last_words); when it does, they
  // are the repetition, and nothing is guessed.
  static constexpr std::size_t asked_bytes = 32;
  // Who says so much of the text's beginning, and then something else, has started over.
  static constexpr std::size_t restart_bytes = 64;

  //   told   the text so far, whole characters of UTF-8
  Seam(std::string_view told, Asking asking);

  // Takes the next piece in, whole characters, and appends what is new to `out`. Holds back what
  // may yet be a repetition: window_bytes at most, or as much as repeats the text's beginning.
  void feed(std::string_view piece, std::string& out);
  // Nothing more comes.
  void finish(std::string& out);
  // The model has begun another answer in place of going on: nothing of it goes out.
  bool started_over() const { return started_over_; }

 private:
  std::string_view tail() const;
  bool long_enough(std::size_t length) const;
  bool undecided() const;
  std::size_t repeated(bool at_end) const;
  void decide(bool at_end, std::string& out);
  void pass(std::string_view text, std::string& out);

  std::string said_;         // what was told, without the white space at its end
  std::string blank_;        // that white space, as far as it has not come again
  std::size_t asked_;        // bytes at the end of said_ with which the model is to begin
  std::size_t word_bytes_;   // of the word in which it broke off; 0: it did in none
  std::string lead_;         // the white space with which the continuation begins
  std::string held_;         // what follows it
  std::size_t matched_ = 0;  // how much of it is the beginning of said_
  bool guesses_;             // whether anything but all of the text may be said again
  bool decided_;             // what is held has been judged: from now on all goes out
  bool started_over_ = false;
};

// The text without the white space at its end.
std::string_view without_blank_end(std::string_view text);

// The last words of a text without white space at its end: from `least` bytes on, and not twice as
// many, whole characters, from a word's beginning where one is near. All of a text that is shorter.
std::string_view last_words(std::string_view text, std::size_t least);

}  // namespace holdfast::gateway

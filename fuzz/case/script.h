/* What the printer and the parser of the readable script share: which parts of an event stand where on its line.
 * Private to this folder; case.h has the functions, docs/fuzz-cases.md the text for people.
 *
 *   script  = { [line] [comment] newline }          comment = "#" (blank | end) ... end of the line
 *   line    = kind { part } { extra } [value]       kind    = "call" "metadata" "link" "message" "half-close" ...
 *   part    = what the table below has for the kind, in that order; values stand last
 *   extra   = flag | lane | key "=" (word | bytes)
 *   flag    = "no-token" "other-tenant" "gzip" "flag-lie" "length-long" "length-short" "trailers" "metadata"
 *   lane    = "valid" "near-valid" "garbage"        ("valid" is what is meant without)
 *   key     = "deadline" "defect" "call" "number" "name" "value" "flags"
 *   value   = bytes | json                          json: an object, of a message whose method is known; may go on
 *                                                   over several lines
 *   bytes   = '"' { character | escape } '"'        escape = \" \\ \n \r \t \xHH
 *           | 'x"' { two hexadecimal digits | blank } '"'
 *   word    = what has no blank, '"', '{' or '=' in it; names that are no words stand as bytes
 *
 *   call METHOD [deadline=DURATION]       await CALL [MESSAGES]       bytes VALUE
 *   metadata NAME VALUE                   connect NAME grpc|http|N    http "POST /path" VALUE
 *   link CALL.REPLY FROM -> TO            frame TYPE:FLAGS STREAM VALUE      time DURATION
 *   message CALL [defect=NAME] VALUE      headers STREAM NUMBER VALUE fault NAME kill|...|N
 *   half-close CALL                       event KIND VALUE            environment NAME NUMBER
 *   cancel CALL CODE
 *
 * DURATION is a whole number with ns, us, ms or s; numbers are decimal or begin with 0x. FROM and TO are field paths
 * (path.h) or, when they are none, bytes. Parts an event has beyond those of its kind are extras, so that every case
 * comes back as it was. */
#ifndef FUZZ_CASE_SCRIPT_H
#define FUZZ_CASE_SCRIPT_H

#include "fuzz/case/case.h"

enum script_slot {
    SLOT_NONE,
    SLOT_NAME,
    SLOT_CALL,
    SLOT_NUMBER,
    SLOT_HEX,   /* `number`, shown in base 16 */
    SLOT_MAYBE, /* `number`, left out when 0 */
    SLOT_TIME,
    SLOT_DOOR,
    SLOT_ACTION,
    SLOT_FRAME,
    SLOT_REPLY, /* `call` and `number` */
    SLOT_FROM,
    SLOT_TO,
    SLOT_KIND, /* of an event nobody here knows */
    SLOT_VALUE,
    SLOT_MESSAGE,
};
#define SCRIPT_SLOTS 3

struct script_kind {
    enum script_slot slots[SCRIPT_SLOTS];
    const char *name_key, *number_key; /* how extras call these parts */
};

const struct script_kind *script_kind_of(unsigned kind); /* unknown ones as well */

struct script_flag {
    const char *word;
    uint16_t bit;
};
extern const struct script_flag script_flags[];
extern const size_t script_flag_count;

extern const char *const script_frames[]; /* types of HTTP/2 frames, from 0 */
extern const size_t script_frame_count;

/* The method of a call that was opened before the event; NULL: none, or not in the pool. */
const struct pb_method *script_method(const struct fuzz_case *c, size_t before, uint32_t call,
                                      const struct pb_pool *pool);

/* As a C string literal, a line of the script a line of the source: for tests that carry their case. */
void script_put_literal(struct bytes script, struct text *out);

#endif

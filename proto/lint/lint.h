/* The conventions of the contracts, checked over a descriptor set with source info (protoc --include_source_info).
 *
 *   path      <domain>/<domain>.proto, or events/<topic>/events.proto; a domain is one word: lower-case letters, digits
 *   package   the domain, or <topic>events
 *   service   a domain's file has a service of its name with a capital; a topic's file has none
 *   method    a name in CamelCase that says what is done: no Call, Handle, Do, Execute, Process, Run
 *   messages  a method takes <Method>Request and answers <Method>Response
 *   comment   a file, service, method, message and enum says what it is. A message that is one method's request or
 *             response is told by the method.
 *   field     a name in lower_snake_case
 *   zero      an enum's value 0 is what is not known: its name ends in Unknown, UNKNOWN or UNSPECIFIED
 *   numbers   a number that is left out is reserved, so that nobody uses it again; from 100 on are additions to
 * somebody else's contract, counted apart events    a topic has an enum EventType and a message Event with a field
 * `type` of it phrase    what a comment says of a field's values is said in the phrases of docs/services.md, so that
 * programs can read it: "required", "1 to 100 characters", "id of a notes.Note" allowed   an exception that nothing
 * needs
 *
 * Exceptions are lines of a text, `rule symbol reason`: a symbol is a full name, a file, or one of them with .* at its
 * end for all below it. Each needs a reason, and is itself a finding when it excuses nothing.
 *
 * Findings are sorted by file and place. They live in the arena of `struct lint`, and so does what they point to. */
#ifndef PROTO_LINT_LINT_H
#define PROTO_LINT_LINT_H

#include "base/arena.h"
#include "base/array.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

enum lint_rule {
    LINT_PATH,
    LINT_PACKAGE,
    LINT_SERVICE,
    LINT_METHOD,
    LINT_MESSAGES,
    LINT_COMMENT,
    LINT_FIELD,
    LINT_ZERO,
    LINT_NUMBERS,
    LINT_EVENTS,
    LINT_PHRASE,
    LINT_ALLOWED,
    LINT_RULES
};

struct lint_finding {
    enum lint_rule rule;
    const char *file; /* as the set names it; of LINT_ALLOWED the name of the exceptions */
    int line, column; /* from 1 */
    const char *symbol;
    const char *text; /* what is wrong, and what to do */
};

struct lint {
    struct arena arena;
    ARRAY(struct lint_finding) findings;
};

#define LINT_INIT ((struct lint){0})

/* Files of google/ and grpc/ are nobody's to mend and are skipped. ERROR_INVALID when the set has no source info.
 * What was found is in `l`; finding something is no error. */
int lint_run(struct lint *l, struct bytes set, struct bytes allowed, const char *allowed_name, struct error *err);
void lint_deinit(struct lint *l);

const char *lint_rule_name(enum lint_rule rule);
/* A line for each finding: "file:line:column: rule: text", file with `prefix` before it. */
void lint_print(const struct lint *l, const char *prefix, struct text *out);

#endif

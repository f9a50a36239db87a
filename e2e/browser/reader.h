/* What a browser says over its debugger's connection: the answer to the one command under way, and what the page
 * complains of. Nothing it says is believed further than that: what is no JSON, what answers another command or one
 * that was answered already, what has other types than it should, is left out. */
#ifndef E2E_BROWSER_READER_H
#define E2E_BROWSER_READER_H

#include "base/bytes.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>

#define BROWSER_COMPLAINTS_MAX 50 /* kept; more are left out */

struct browser_reader {
    json_int_t asked; /* number of the command under way; 0: none was yet */
    json_t *answer;   /* and what came back; NULL: nothing yet */
    json_t *complaints;
    bool crashed; /* the page: nothing that was asked is answered any more */
    bool memory;  /* something was said for which there was none */
};

bool browser_reader_init(struct browser_reader *r); /* false: no memory */
void browser_reader_deinit(struct browser_reader *r);
/* The number of the next command; what was answered before is forgotten. */
json_int_t browser_reader_ask(struct browser_reader *r);
void browser_reader_read(struct browser_reader *r, bool text, struct bytes message);
/* The result of the command that was answered, a new reference. NULL: it was refused, which the error says. */
json_t *browser_reader_result(const struct browser_reader *r, const char *method, struct error *err);
/* What the page logged as an error or threw since the last call: a list of texts, a new reference. NULL: no memory. */
json_t *browser_reader_complaints(struct browser_reader *r);

#endif

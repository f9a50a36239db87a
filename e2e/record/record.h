/* Calls that were seen, written as a flow that makes them again and expects the same answers.
 *
 * What changes from run to run is found by rules, not by guessing twice: a value of an answer that a later request has
 * (an id, a token, a cursor) is captured there and used here; times, and texts that look drawn, are expected by their
 * form; what a client keeps to itself (Authorization, passwords, keys) is not written, the flow takes it from the
 * environment. A list whose items hold such values may have grown by the next run: its items have to be in it.
 *
 *   values.c  what answers gave, and where later requests have it
 *   judge.c   what is expected of an answer
 *   write.c   steps, flow, YAML
 *   proxy.h   where HTTP calls come from */
#ifndef E2E_RECORD_RECORD_H
#define E2E_RECORD_RECORD_H

#include "base/error.h"
#include "base/text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define RECORD_CALLS_MAX 9000    /* of one flow, which may have 10,000 steps */
#define RECORD_TYPE      ":type" /* among `headers`: a content-type the step has to say */

/* One call. References and texts are the callee's to keep: recording_add() copies and takes. */
struct recorded {
    const char *call;          /* "package.Service/Method"; NULL: HTTP */
    const char *method, *path; /* HTTP: "POST", "/notes/create?a=b" */
    json_t *headers;           /* object of texts; what belongs to the connection is taken out by recording_add() */
    const char *as; /* the step's key for the body: "request", "json", "form", "body", "base64"; NULL: none */
    json_t *body;   /* NULL: none */
    json_t *status; /* "OK", 200 */
    json_t *answer; /* members: body, messages, message, headers; NULL: nothing to expect */
    int64_t time;   /* ns since 1970 */
};

struct recording;
struct recording *recording_new(void); /* NULL: no memory */
void recording_free(struct recording *r);
/* In the order in which the calls came. Takes the references, whatever happens. ERROR_MEMORY; ERROR_LIMIT: this call is
 * left out, and later ones are not. */
int recording_add(struct recording *r, const struct recorded *call);
size_t recording_count(const struct recording *r);
/* The flow file. *needs: names of environment variables it wants, a line each with what they were. */
int recording_write(struct recording *r, const char *name, struct text *out, struct text *needs, struct error *err);

#endif

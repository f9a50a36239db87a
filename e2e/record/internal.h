/* What the files of this folder share. */
#ifndef E2E_RECORD_INTERNAL_H
#define E2E_RECORD_INTERNAL_H

#include "base/arena.h"
#include "base/array.h"
#include "base/bytes.h"
#include "base/map.h"
#include "e2e/record/record.h"

#define VALUE_MAX   4096 /* bytes of a value that is looked for in requests */
#define SHORT_VALUE 6    /* bytes: below, a value is taken for another's part only where nothing else can be meant */

/* A value that an answer gave, or that the client has from elsewhere. */
struct known {
    const char *text, *key;
    const char *path;  /* where the answer has it; NULL: it comes from the environment */
    const char *regex; /* what of that it is; NULL: all */
    const char *name;  /* of the variable; NULL: nobody asked for it again */
    size_t step;
    bool number;
};

struct seen {
    struct recorded call;
    json_t *captures; /* object: name and path */
};

struct recording {
    struct arena arena;
    ARRAY(struct seen) calls;
    struct map values; /* text -> struct known */
    struct map names;  /* of variables */
    struct map said;   /* texts of requests so far, and their words */
    ARRAY(struct known *) environment;
    bool authorized; /* some call had an Authorization */
    bool cookies;    /* some answer set a cookie, which the flow's jar sends back */
    bool failed;     /* no memory while it was written; sticky */
};

/* ---- values.c ---- */
/* Finds what of the requests comes from answers or from the environment, and rewrites them. */
void recording_find(struct recording *r);
/* A text with variables in the place of values known before step `step`, and ${ as flows write it. `*own`: there is a
 * value in it that this step's own answer gives. */
void recording_rewrite(struct recording *r, size_t step, struct bytes text, const char *key, bool target,
                       struct text *out, bool *own);
/* Does a request so far have it, as a text or as a word of one? */
bool recording_was_said(const struct recording *r, const char *text);
bool recording_key_is_identity(const char *key);
/* NULL: no memory, and the record has failed. */
json_t *recording_text(struct recording *r, const struct text *t);

/* ---- judge.c ---- */
/* What is expected of a member of the answer: a new reference. */
json_t *recording_expect(struct recording *r, size_t step, const char *key, const json_t *value);

#endif

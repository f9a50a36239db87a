/* The part of JavaScript that scripts of Postman are mostly made of, read into a tree (ECMA-262). What is not read is a
 * statement that nobody understands, with its place, and reading goes on behind it: a script is never refused. */
#ifndef E2E_IMPORT_POSTMAN_JS_H
#define E2E_IMPORT_POSTMAN_JS_H

#include "base/arena.h"
#include "base/bytes.h"

#define JS_DEPTH_MAX 64

enum js_kind {
    /* statements */
    JS_UNKNOWN, /* nobody understands it */
    JS_NOTHING, /* ; */
    JS_BLOCK,   /* items */
    JS_EVAL,    /* a */
    JS_DECLARE, /* items of JS_SET: const a = 1, b = 2 */
    JS_SET,     /* a = b; `text`: "=" or another operator with it */
    JS_IF,      /* if (a) b else c */
    JS_TRY,     /* b, and c when it failed */
    /* expressions */
    JS_TEXT,
    JS_NUMBER,
    JS_BOOL,  /* text: "true" */
    JS_NULL,  /* null, undefined */
    JS_REGEX, /* text; b: its flags, as JS_TEXT */
    JS_NAME,
    JS_MEMBER,   /* a.text */
    JS_INDEX,    /* a[b] */
    JS_CALL,     /* a(items) */
    JS_NEW,      /* new a(items) */
    JS_NOT,      /* !a */
    JS_MINUS,    /* -a */
    JS_TYPEOF,   /* typeof a */
    JS_BOTH,     /* a text b */
    JS_CHOICE,   /* a ? b : c */
    JS_LIST,     /* items */
    JS_OBJECT,   /* items: keys and values in turn */
    JS_PARTS,    /* items, which are texts beside each other: `a${b}` */
    JS_FUNCTION, /* items: parameters; b: a JS_BLOCK, or what it returns */
};
struct js {
    enum js_kind kind;
    const char *text;
    const struct js *a, *b, *c;
    const struct js **items;
    size_t count;
    size_t at, end; /* in the source */
};

/* The script as a JS_BLOCK. NULL: no memory. */
const struct js *js_read(struct arena *a, struct bytes source);

#endif

/* Errors a person can act on: a code, a message, a place in a file, and the chain of causes.
 *
 * Functions that can fail return 0 or a negative enum error_code and take a `struct error *` last, which may be NULL
 * when the caller only wants the code. The caller owns the object: start it with ERROR_INIT, and error_clear() it.
 * error_set() and its kin return the code they were given, so that `return error_set(err, ERROR_SYNTAX, ...)` reads
 * as one step. When memory for the text cannot be had the code is kept and the text says "out of memory". */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stddef.h>

struct text;

enum error_code {
    ERROR_NONE = 0,
    ERROR_MEMORY = -1,
    ERROR_IO = -2,      /* the operating system or the disk refused */
    ERROR_SYNTAX = -3,  /* not well formed */
    ERROR_INVALID = -4, /* well formed but against the rules */
    ERROR_NOT_FOUND = -5,
    ERROR_EXISTS = -6,
    ERROR_LIMIT = -7,       /* a stated limit would be passed */
    ERROR_UNSUPPORTED = -8, /* not implemented here */
    ERROR_TIMEOUT = -9,
    ERROR_CLOSED = -10,  /* the other side ended it, or it was never open */
    ERROR_REFUSED = -11, /* connection refused */
    ERROR_CANCELLED = -12,
    ERROR_DENIED = -13, /* no permission */
    ERROR_IN_USE = -14, /* address or file taken by somebody else */
    ERROR_NO_SPACE = -15,
    ERROR_PROTOCOL = -16, /* the other side broke the protocol */
    ERROR_RESET = -17,    /* connection reset */
    ERROR_INJECTED = -18, /* a fault was injected here on purpose */
};

struct error {
    int code;            /* enum error_code */
    char *message;       /* owned; NULL means none */
    char *file;          /* owned; NULL when no place is known */
    int line, column;    /* 1-based; 0 when unknown */
    struct error *cause; /* owned; what led to this one */
};

#define ERROR_INIT ((struct error){0})

/* Replace what `e` holds. */
int error_set(struct error *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
int error_set_at(struct error *e, int code, const char *file, int line, int column, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* Put a new message in front and keep the old one as its cause; the code stays. Returns the code. Never 0: with NULL,
 * or nothing to wrap, it is ERROR_INVALID. So a caller that may be given NULL returns its own code, not this one. */
int error_wrap(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Move `from` into `to` (which may be NULL: then `from` is cleared). Returns the code. */
int error_move(struct error *to, struct error *from);

void error_clear(struct error *e);

/* "file:line:column: message: cause: cause", no newline. */
void error_format(const struct error *e, struct text *out);

/* A word for a code: "not found", "timed out". Static. */
const char *error_code_name(int code);

/* The code for a positive errno value. */
int error_from_errno(int errno_value);

#endif

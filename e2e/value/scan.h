/* Reading lines of text by hand: words, quoted texts, and the variables in them. Texts come out as flows have them
 * (${name}, "$${" for "${"), whether they were written so or, with `braces`, as in Hurl files ({{name}}). */
#ifndef E2E_SCAN_H
#define E2E_SCAN_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

struct scan {
    struct bytes in;
    size_t at;
    bool braces;
    int code;   /* the first error; 0: none so far */
    size_t bad; /* where */
    char why[200];
};

/* Keeps the first error only. Returns its code. */
int scan_fail(struct scan *s, size_t at, const char *format, ...) __attribute__((format(printf, 3, 4)));
int scan_char(const struct scan *s); /* -1 at the end */
bool scan_is(const struct scan *s, const char *text);
bool scan_take(struct scan *s, const char *text);
/* The same, when no letter, digit, "_" or "-" follows. */
bool scan_take_word(struct scan *s, const char *word);
void scan_blanks(struct scan *s); /* blanks and tabs */
/* Puts one character that stands for itself. */
void scan_put(struct text *out, char c);
/* At a backslash: the character it stands for, in UTF-8, is put. `also` are characters that may be escaped besides
 * b f n r t u{...} \ / " # `. */
int scan_escape(struct scan *s, const char *also, struct text *out);
/* With braces and at "{{": the variable (or function) up to "}}", as a flow writes it. `form` stands behind it: "", or
 * filters like " | jsonEscape". */
int scan_placeholder(struct scan *s, const char *form, struct text *out);
/* Behind an opening quote, up to the same again, which is taken. */
int scan_quoted(struct scan *s, char quote, struct text *out);
/* Hexadecimal digits or base64 (blanks and line ends between them) up to ";", which is taken. */
int scan_hex(struct scan *s, struct text *out);
int scan_base64(struct scan *s, struct text *out);
/* A file's name up to ";", which is taken. */
int scan_filename(struct scan *s, struct text *out);

#endif

/* Tokens of a .proto file, each with its place, and the comments between them. */
#ifndef WIRE_PROTO_LEX_H
#define WIRE_PROTO_LEX_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_INTEGER, TOKEN_FLOAT, TOKEN_STRING, TOKEN_SYMBOL };

struct token {
    enum token_kind kind;
    struct bytes text; /* as it stands in the file, quotes included */
    int line, column;  /* from 0, as in SourceCodeInfo; a tab goes to the next column that 8 divides */
    int end_line, end_column;
};

struct lexer {
    struct bytes input;
    size_t at;
    int line, column;
    const char *shown; /* the file, for messages */
    struct token token, before;
    struct error *err;
    int code; /* the first error; then only TOKEN_END comes */
};

void lexer_init(struct lexer *l, struct bytes input, const char *shown, struct error *err);
void lexer_next(struct lexer *l);

/* The next token, with what is written between it and the one before. All appended to; `detached` are comments that
 * stand by themselves, each ended by a NUL. */
struct comments {
    struct text trailing, detached, leading;
};
void lexer_next_with_comments(struct lexer *l, struct comments *c);
/* The comments before the file's first token; the lexer stands on it afterwards. */
void lexer_first(struct lexer *l, struct comments *c);

bool token_is(const struct token *t, const char *text);
/* An error at the token. Returns the code, and keeps the first one only. */
int lexer_fail(struct lexer *l, const struct token *t, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Values of tokens. */
bool token_unsigned(const struct token *t, uint64_t *out); /* false: over 64 bits */
double token_float(const struct token *t);
/* The string's content, appended. ERROR_SYNTAX with the place of an escape that is none. */
int token_string(struct lexer *l, const struct token *t, struct text *out);

#endif

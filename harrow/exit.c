/* How commands leave when something went wrong. */
#include "harrow/run/run.h"

#include "base/json_text.h"
#include "base/text.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool harrow_terminal(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDOUT_FILENO) == 1 && getenv("CI") == NULL && kind != NULL && strcmp(kind, "dumb") != 0;
}

/* Who read what we print has gone, as `| head` does: that is their affair. */
static bool reader_is_gone(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

static bool unprinted; /* something that was to be printed is missing, for want of memory */

void harrow_json_print(json_t *value, unsigned indent)
{
    char *text = json_text_of(value, indent);
    if (text != NULL)
        puts(text);
    unprinted = unprinted || text == NULL;
    free(text);
    json_decref(value);
}

int harrow_leave(int exit_code)
{
    if (unprinted) {
        fputs("harrow: what was printed is incomplete: out of memory\n", stderr);
        exit_code = exit_code == HARROW_PASSED ? HARROW_ENVIRONMENT : exit_code;
        unprinted = false;
    }
    errno = 0;
    if ((fflush(stdout) == 0 && !ferror(stdout)) || reader_is_gone())
        return exit_code;
    fprintf(stderr, "harrow: what was printed is incomplete: standard output could not be written%s%s\n",
            errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
    return exit_code == HARROW_PASSED ? HARROW_ENVIRONMENT : exit_code;
}

/* A place in a file, somewhere in the chain: it is that file that is wrong. */
static bool is_of_a_file(const struct error *err)
{
    for (; err != NULL; err = err->cause)
        if (err->file != NULL)
            return true;
    return false;
}

int harrow_error(const struct error *err, const char *doing)
{
    struct text line = TEXT_INIT;
    error_format(err, &line);
    fprintf(stderr, "harrow: %s%s%s\n", doing != NULL ? doing : "", doing != NULL ? ": " : "",
            line.len > 0 ? text_string(&line) : error_code_name(err->code)); /* no memory for its words either */
    text_deinit(&line);
    switch (err->code) {
    case ERROR_SYNTAX:
    case ERROR_INVALID:
    case ERROR_LIMIT:
        return HARROW_INPUT;
    case ERROR_NOT_FOUND:
        return is_of_a_file(err) ? HARROW_INPUT : HARROW_ENVIRONMENT;
    case ERROR_CANCELLED:
        return HARROW_INTERRUPTED;
    default:
        return HARROW_ENVIRONMENT;
    }
}

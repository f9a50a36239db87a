#include "base/error.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>

/* Stands for a message there was no memory for; never freed. */
static char message_lost[] = "out of memory";

static void free_message(char *message)
{
    if (message != message_lost)
        free(message);
}

static char *format_message(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
static char *format_message(const char *format, va_list args)
{
    struct text t = TEXT_INIT;
    text_vprintf(&t, format, args);
    char *message = text_take(&t);
    return message ? message : message_lost;
}

int error_set(struct error *e, int code, const char *format, ...)
{
    if (!e)
        return code;
    va_list args;
    va_start(args, format);
    /* Formatted before clearing: the arguments may be the old message. */
    char *message = format_message(format, args);
    va_end(args);
    error_clear(e);
    e->code = code;
    e->message = message;
    return code;
}

int error_set_at(struct error *e, int code, const char *file, int line, int column, const char *format, ...)
{
    if (!e)
        return code;
    va_list args;
    va_start(args, format);
    char *message = format_message(format, args);
    va_end(args);
    char *file_copy = file ? strdup(file) : NULL;
    error_clear(e);
    *e = (struct error){.code = code, .message = message, .file = file_copy, .line = line, .column = column};
    return code;
}

int error_wrap(struct error *e, const char *format, ...)
{
    if (!e)
        return ERROR_INVALID;
    int code = e->code ? e->code : ERROR_INVALID;
    struct error *cause = NULL;
    if (e->message || e->cause) {
        cause = malloc(sizeof *cause);
        if (!cause)
            return code; /* the root cause says more than the new message would */
    }
    va_list args;
    va_start(args, format);
    char *message = format_message(format, args);
    va_end(args);
    if (cause)
        *cause = *e;
    *e = (struct error){.code = code, .message = message, .cause = cause};
    return code;
}

int error_move(struct error *to, struct error *from)
{
    int code = from->code;
    if (to == from)
        return code;
    if (!to) {
        error_clear(from);
        return code;
    }
    error_clear(to);
    *to = *from;
    *from = ERROR_INIT;
    return code;
}

void error_clear(struct error *e)
{
    if (!e)
        return;
    struct error *cause = e->cause;
    free_message(e->message);
    free(e->file);
    *e = ERROR_INIT;
    while (cause) {
        struct error *next = cause->cause;
        free_message(cause->message);
        free(cause->file);
        free(cause);
        cause = next;
    }
}

void error_format(const struct error *e, struct text *out)
{
    for (; e; e = e->cause) {
        if (e->file) {
            text_puts(out, e->file);
            if (e->line > 0)
                text_printf(out, ":%d", e->line);
            if (e->line > 0 && e->column > 0)
                text_printf(out, ":%d", e->column);
            text_puts(out, ": ");
        }
        text_puts(out, e->message ? e->message : error_code_name(e->code));
        if (e->cause)
            text_puts(out, ": ");
    }
}

const char *error_code_name(int code)
{
    switch (code) {
    case ERROR_NONE:
        return "no error";
    case ERROR_MEMORY:
        return "out of memory";
    case ERROR_IO:
        return "input/output error";
    case ERROR_SYNTAX:
        return "syntax error";
    case ERROR_INVALID:
        return "invalid";
    case ERROR_NOT_FOUND:
        return "not found";
    case ERROR_EXISTS:
        return "already exists";
    case ERROR_LIMIT:
        return "limit passed";
    case ERROR_UNSUPPORTED:
        return "not implemented";
    case ERROR_TIMEOUT:
        return "timed out";
    case ERROR_CLOSED:
        return "closed";
    case ERROR_REFUSED:
        return "connection refused";
    case ERROR_CANCELLED:
        return "cancelled";
    case ERROR_DENIED:
        return "permission denied";
    case ERROR_IN_USE:
        return "in use";
    case ERROR_NO_SPACE:
        return "no space left";
    case ERROR_PROTOCOL:
        return "protocol error";
    case ERROR_RESET:
        return "connection reset";
    case ERROR_INJECTED:
        return "injected fault";
    default:
        return "unknown error";
    }
}

int error_from_errno(int errno_value)
{
    switch (errno_value) {
    case 0:
        return ERROR_NONE;
    case ENOMEM:
        return ERROR_MEMORY;
    case EINVAL:
    case ENAMETOOLONG:
        return ERROR_INVALID;
    case ENOENT:
    case ESRCH:
        return ERROR_NOT_FOUND;
    case EEXIST:
        return ERROR_EXISTS;
    case EMFILE:
    case ENFILE:
    case E2BIG:
    case EFBIG:
    case EMSGSIZE:
        return ERROR_LIMIT;
    case ENOSYS:
    case EOPNOTSUPP:
        return ERROR_UNSUPPORTED;
    case ETIMEDOUT:
        return ERROR_TIMEOUT;
    case EPIPE:
    case ENOTCONN:
    case ESHUTDOWN:
    case EBADF:
        return ERROR_CLOSED;
    case ECONNREFUSED:
        return ERROR_REFUSED;
    case ECANCELED:
        return ERROR_CANCELLED;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERROR_DENIED;
    case EADDRINUSE:
    case EBUSY:
    case ETXTBSY:
        return ERROR_IN_USE;
    case ENOSPC:
    case EDQUOT:
        return ERROR_NO_SPACE;
    case EPROTO:
        return ERROR_PROTOCOL;
    case ECONNRESET:
    case ECONNABORTED:
        return ERROR_RESET;
    default:
        return ERROR_IO;
    }
}

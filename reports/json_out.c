#include "reports/json_out.h"

#include <math.h>
#include <string.h>

#define REAL_DIGITS 15 /* the most that give every decimal back as it was written */

static void begin(struct json_out *j, const char *key)
{
    if (j->inside)
        text_char(j->out, ',');
    if (j->depth != 0)
        text_printf(j->out, "\n%*s", j->depth, "");
    j->inside = true;
    if (key == NULL)
        return;
    text_char(j->out, '"');
    text_json(j->out, key, strlen(key));
    text_puts(j->out, "\": ");
}

void json_out_open(struct json_out *j, const char *key, char bracket)
{
    begin(j, key);
    text_char(j->out, bracket);
    j->depth++;
    j->inside = false;
}

void json_out_close(struct json_out *j, char bracket)
{
    j->depth--;
    if (j->inside)
        text_printf(j->out, "\n%*s", j->depth, "");
    text_char(j->out, bracket);
    j->inside = true;
    if (j->depth == 0)
        text_char(j->out, '\n');
}

void json_out_text(struct json_out *j, const char *key, const char *value)
{
    begin(j, key);
    text_char(j->out, '"');
    text_json(j->out, value, strlen(value));
    text_char(j->out, '"');
}

void json_out_may(struct json_out *j, const char *key, const char *value)
{
    if (value[0] != 0)
        json_out_text(j, key, value);
}

void json_out_integer(struct json_out *j, const char *key, int64_t value)
{
    begin(j, key);
    text_printf(j->out, "%lld", (long long)value);
}

void json_out_real(struct json_out *j, const char *key, double value)
{
    begin(j, key);
    if (isfinite(value))
        text_printf(j->out, "%.*g", REAL_DIGITS, value);
    else
        text_puts(j->out, "null");
}

void json_out_bool(struct json_out *j, const char *key, bool value)
{
    begin(j, key);
    text_puts(j->out, value ? "true" : "false");
}

void json_out_null(struct json_out *j, const char *key)
{
    begin(j, key);
    text_puts(j->out, "null");
}

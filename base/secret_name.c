#include "base/secret_name.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define WORD(text) text, sizeof text - 1

static const struct word {
    const char *text;
    size_t len;
    bool alone; /* too short to be looked for within others: "pin" is in "shipping" */
} words[] = {{WORD("token"), false},       {WORD("secret"), false},        {WORD("password"), false},
             {WORD("passwd"), false},      {WORD("api-key"), false},       {WORD("api_key"), false},
             {WORD("apikey"), false},      {WORD("authorization"), false}, {WORD("cookie"), false},
             {WORD("private_key"), false}, {WORD("credential"), false},    {WORD("pin"), true},
             {WORD("otp"), true}};
#define WORD_COUNT (sizeof words / sizeof words[0])

static bool is_at(const char *name, size_t len, size_t at, const struct word *w)
{
    return len - at >= w->len && tolower((unsigned char)name[at]) == w->text[0] &&
           strncasecmp(name + at, w->text, w->len) == 0;
}

/* Does a word begin or end before `at`: "card_pin", "pinCode", "PIN2"? */
static bool is_border(const char *name, size_t len, size_t at)
{
    if (at == 0 || at == len)
        return true;
    unsigned char before = (unsigned char)name[at - 1], c = (unsigned char)name[at];
    return !isalpha(before) || !isalpha(c) || (islower(before) && isupper(c));
}

bool is_secret_name(const char *name, size_t len)
{
    for (size_t at = 0; at < len; at++)
        for (const struct word *w = words; w < words + WORD_COUNT; w++)
            if (is_at(name, len, at, w) &&
                (!w->alone || (is_border(name, len, at) && is_border(name, len, at + w->len))))
                return true;
    return false;
}

bool is_secret_key(const char *key)
{
    size_t len = strlen(key);
    for (const struct word *w = words; w < words + WORD_COUNT; w++)
        if (len >= w->len && is_at(key, len, len - w->len, w))
            return true;
    return false;
}

#define NO_ADDRESS " \t\r\n\"<>" /* none of these stands in one */

/* Behind "://"; where the host begins. */
static const char *user_of(const char *at, void (*found)(void *arg, const char *secret, size_t len), void *arg)
{
    const char *host = at + strcspn(at, "/?#" NO_ADDRESS), *colon = memchr(at, ':', (size_t)(host - at));
    while (host > at && *host != '@')
        host--;
    if (colon != NULL && colon + 1 < host)
        found(arg, colon + 1, (size_t)(host - colon) - 1);
    return host;
}

void secrets_in_address(const char *text, void (*found)(void *arg, const char *secret, size_t len), void *arg)
{
    static const char scheme[] = "://";
    bool address = false;
    for (const char *at = text; *at != '\0';) {
        if (strncmp(at, scheme, strlen(scheme)) == 0) {
            address = true;
            at = user_of(at + strlen(scheme), found, arg);
            continue;
        }
        size_t name = address && strchr("?&;#", *at) != NULL ? strcspn(at + 1, "=?&;#") : 0;
        const char *value = at + 1 + name;
        address = address && strchr(NO_ADDRESS, *at) == NULL;
        at++;
        if (name == 0 || *value != '=' || !is_secret_name(at, name))
            continue;
        value++;
        at = value + strcspn(value, "&#" NO_ADDRESS);
        if (at > value)
            found(arg, value, (size_t)(at - value));
    }
}

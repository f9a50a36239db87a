#include "base/consent.h"

#include <ctype.h>
#include <string.h>

bool consent_is_day(const char *s)
{
    static const char shape[] = "0000-00-00";
    for (size_t i = 0; i < sizeof shape; i++)
        if (shape[i] == '0' ? !isdigit((unsigned char)s[i]) : s[i] != shape[i])
            return false;
    return strncmp(s + 5, "01", 2) >= 0 && strncmp(s + 5, "12", 2) <= 0 && strncmp(s + 8, "01", 2) >= 0 &&
           strncmp(s + 8, "31", 2) <= 0;
}

int consent_list(const struct node *root, const char *key, const struct node **list, struct error *err)
{
    const char *const keys[] = {key, NULL};
    *list = NULL;
    if (root->kind != NODE_MAP)
        return node_error(root, err, ERROR_INVALID, "expected a map with the key \"%s\"", key);
    int code = node_only_keys(root, keys, err);
    return code == 0 ? node_may_list(root, key, list, err) : code;
}

int consent_read(const struct node *n, bool must_expire, struct consent *out, struct error *err)
{
    *out = (struct consent){.reason = "", .expires = ""};
    int code = node_need_text(n, "reason", &out->reason, err);
    if (code == 0 && out->reason[0] == '\0')
        code = node_error(node_get(n, "reason"), err, ERROR_INVALID, "what is let pass needs a reason");
    if (code == 0)
        code = must_expire ? node_need_text(n, "expires", &out->expires, err)
                           : node_may_text(n, "expires", &out->expires, err);
    if (code == 0 && node_get(n, "expires") != NULL && !consent_is_day(out->expires))
        code = node_error(node_get(n, "expires"), err, ERROR_INVALID, "expected a day as 2027-03-01, got \"%s\"",
                          out->expires);
    return code;
}

bool consent_holds(const struct consent *c, const char *today)
{
    return c->expires[0] == '\0' || strcmp(today, c->expires) < 0;
}

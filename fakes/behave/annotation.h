/* Annotations: a YAML file beside a contract that corrects what was recognised and adds what names cannot say.
 *
 *     services:
 *       wallet.Wallet:
 *         errors: micro                     # or plain
 *         entities:
 *           account:                        # a recognised entity's name; or a new one, with `type` or `fields`
 *             key: [id]
 *             required: [name]
 *             unique: [email]
 *             ...
 *         methods:
 *           Debit: {role: debit, required: [id, reference], fails: {funds: INVALID_ARGUMENT}}
 *
 * docs/behaving-doubles.md has every key. It is applied in steps between those of the plan: first roles, then the
 * entities methods are about, then keys, and what needs attributes to be known at the end. Every name is checked
 * against the descriptors; an error says file:line:column. A file without the service says nothing about it. */
#ifndef FAKES_BEHAVE_ANNOTATION_H
#define FAKES_BEHAVE_ANNOTATION_H

#include "base/document.h"
#include "fakes/behave/plan.h"

struct annotation {
    struct document *document;
    const struct node *service; /* what is said of this one, or NULL */
};

int annotation_open(struct annotation *a, struct bytes text, const char *name, const struct pb_service *service,
                    struct error *err);
void annotation_close(struct annotation *a);
/* NULL, or one that says nothing of the service: 0. */
int annotation_roles(const struct annotation *a, struct plan *p, struct error *err);
int annotation_entities(const struct annotation *a, struct plan *p, struct error *err);
int annotation_keys(const struct annotation *a, struct plan *p, struct error *err);
int annotation_maps(const struct annotation *a, struct plan *p, struct plan_method *m, struct error *err);
int annotation_end(const struct annotation *a, struct plan *p, struct error *err);

#endif

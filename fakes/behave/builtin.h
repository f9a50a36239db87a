/* The annotations that stand beside the contracts of proto/ (x/x.behaviour.yaml), embedded into the program. */
#ifndef FAKES_BEHAVE_BUILTIN_H
#define FAKES_BEHAVE_BUILTIN_H

#include "base/bytes.h"

/* The one beside a contract, by the contract's file as descriptors name it ("wallet/wallet.proto"); nothing: none.
 * `name` is what messages call it. */
struct bytes behave_builtin(const char *proto, const char **name);
size_t behave_builtin_count(void);

#endif

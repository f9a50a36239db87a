/* The RSA keys of simulated runs: fixed, so that tokens are the same in every run of a seed, and drawing one costs
 * nothing. They sign nothing outside a simulation and guard nothing. */
#ifndef RUNTIME_SERVER_SIM_KEYS_H
#define RUNTIME_SERVER_SIM_KEYS_H

extern const char sim_private_key[], sim_public_key[];

/* For whatever else needs keys: those auth rotates to, and tests. */
#define SIM_SPARE_KEYS 6
struct sim_key {
    const char *private_pem, *public_pem;
};
extern const struct sim_key sim_spare_keys[SIM_SPARE_KEYS];

#endif

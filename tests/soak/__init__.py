"""``./dev soak``: the scenarios of load and faults, ours beside php-fpm and uWSGI."""

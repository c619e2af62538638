# What operators install and watch it with: the Debian package under a real systemd, the container image
# under a real runtime, rules and dashboard under a real Prometheus.
script_test(package_installed GROUP people COMMAND python3 tests/package/installed.py)
script_test(package_container GROUP people COMMAND python3 tests/package/container.py)
script_test(package_ceilings GROUP people COMMAND python3 tests/package/ceilings.py)
script_test(package_site GROUP people COMMAND tools/site)
script_test(package_prometheus GROUP people COMMAND python3 tests/package/prometheus.py)
script_test(package_release GROUP people COMMAND python3 tests/package/release.py)
soak_test(release COMMAND python3 tests/package/release.py whole)

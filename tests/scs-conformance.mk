# The rows of an SCS, and known ECMGs, against scsd.
if WITH_SCS
if WITH_CLI
scenarios += %D%/scenarios/scsd-conformance.t
endif
endif

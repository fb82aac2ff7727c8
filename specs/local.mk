EXTRA_DIST += \
	build-aux/gen-protocol \
	build-aux/gen-protocol.pl \
	%D%/dab-fig6.md \
	%D%/protocol

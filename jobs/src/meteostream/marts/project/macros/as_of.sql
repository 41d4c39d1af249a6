{# The moment that the marts are made for. #}
{% macro as_of() -%}
    {%- if var('as_of') -%} timestamptz '{{ var("as_of") }}' {%- else -%} now() {%- endif -%}
{%- endmacro %}
